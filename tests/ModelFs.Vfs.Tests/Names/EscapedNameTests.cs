using System.Text;
using FsCheck;
using FsCheck.Fluent;
using ModelFs.Vfs.Names;

namespace ModelFs.Vfs.Tests.Names;

public sealed class EscapedNameTests
{
    [Theory]
    [InlineData("iris", "iris")]
    [InlineData(".", "%2E")]
    [InlineData("..", "%2E%2E")]
    [InlineData("...", "...")]
    [InlineData(".hidden", ".hidden")]
    [InlineData("team/model:v1", "team%2Fmodel:v1")]
    [InlineData("a%2Fb", "a%252Fb")]
    [InlineData("trailing ", "trailing ")]
    [InlineData("tab\tnewline\n", "tab%09newline%0A")]
    [InlineData("del\u007f", "del%7F")]
    [InlineData("nul\0", "nul%00")]
    [InlineData("ünïcode-模型", "ünïcode-模型")]
    [InlineData("😀", "😀")]
    [InlineData("back\\slash'quote\"", "back\\slash'quote\"")]
    [InlineData("~%~", "~%25~")]
    public void A_name_has_this_form(string name, string escaped)
    {
        Assert.Equal(escaped, EscapedName.EscapeToString(name));
        Assert.Equal(NameForm.Whole, EscapedName.TryUnescape(Encoding.UTF8.GetBytes(escaped), out var back));
        Assert.Equal(name, back);
    }

    [Theory]
    [InlineData("%2f", "small letters")]
    [InlineData("%41", "an A needs no escape")]
    [InlineData("%2E%2E%2E", "three dots need none")]
    [InlineData("%2Ehidden", "a dot before a name needs none")]
    [InlineData("a%2", "cut off")]
    [InlineData("a%", "cut off")]
    [InlineData("a%GG", "no digits")]
    [InlineData("a/b", "a slash is never in a name")]
    [InlineData("a\nb", "a control character is always escaped")]
    [InlineData(".", "the directory itself")]
    [InlineData("..", "its parent")]
    [InlineData("", "nothing")]
    [InlineData("x%~0123456789abcdef", "a hash of the wrong length")]
    public void A_form_that_is_not_canonical_stands_for_nothing(string escaped, string why) =>
        Assert.True(EscapedName.TryUnescape(Encoding.UTF8.GetBytes(escaped), out _) == NameForm.Invalid, why);

    [Theory]
    [InlineData(new byte[] { 0xFF })]
    [InlineData(new byte[] { 0xC3 })]
    [InlineData(new byte[] { 0xC0, 0xAF })]
    [InlineData(new byte[] { 0xED, 0xA0, 0x80 })]
    public void Bytes_that_are_no_UTF8_stand_for_nothing(byte[] name) => Assert.Equal(NameForm.Invalid, EscapedName.TryUnescape(name, out _));

    [Fact]
    public void What_is_no_text_has_no_form()
    {
        Assert.Null(EscapedName.Escape(""));
        Assert.Null(EscapedName.Escape("half of a pair: \ud83d"));
        Assert.Null(EscapedName.Escape(new string('a', EscapedName.MaxPlainLength + 1)));
    }

    [Fact]
    public void Any_name_of_up_to_255_bytes_comes_back() => Check.One(Config.QuickThrowOnFailure.WithMaxTest(2000), Prop.ForAll(ArbMap.Default.ArbFor<string>(), name =>
    {
        if (name is null || EscapedName.Escape(name) is not { Length: <= EscapedName.MaxBytes } escaped)
            return true;
        var form = EscapedName.TryUnescape(escaped, out var back);
        return form == NameForm.Shortened || (form == NameForm.Whole && back == name && !escaped.Contains((byte)'/') && !escaped.Contains((byte)0));
    }));

    [Fact]
    public void Any_bytes_are_refused_or_are_the_form_of_what_they_decode_to() => Check.One(Config.QuickThrowOnFailure.WithMaxTest(2000), Prop.ForAll(ArbMap.Default.ArbFor<byte[]>(), bytes =>
        EscapedName.TryUnescape(bytes, out var name) != NameForm.Whole || EscapedName.Escape(name).AsSpan().SequenceEqual(bytes)));

    [Theory]
    [InlineData("a", 300)]
    [InlineData("模", 100)]
    [InlineData("😀", 70)]
    [InlineData("/", 90)]
    [InlineData("a😀/", 60)]
    public void A_long_name_becomes_a_prefix_and_a_hash_that_fit(string part, int times)
    {
        for (var shift = 0; shift < 4; shift++)
        {
            var name = new string('x', shift) + string.Concat(Enumerable.Repeat(part, times));
            var escaped = EscapedName.Escape(name)!;
            Assert.True(escaped.Length <= EscapedName.MaxBytes);
            Assert.Equal(NameForm.Shortened, EscapedName.TryUnescape(escaped, out _));
            var text = new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(escaped);
            Assert.Matches("%~[0-9a-f]{32}$", text);
            // The prefix reads as a name of its own: cut neither within a character nor within an escape.
            var prefix = Encoding.UTF8.GetBytes(text[..^34]);
            Assert.Equal(NameForm.Whole, EscapedName.TryUnescape(prefix, out var start));
            Assert.StartsWith(start, name, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Long_names_that_begin_alike_stay_apart()
    {
        var start = new string('a', 300);
        Assert.NotEqual(EscapedName.EscapeToString(start + "1"), EscapedName.EscapeToString(start + "2"));
    }
}
