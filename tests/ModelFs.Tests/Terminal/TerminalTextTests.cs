using ModelFs.Terminal;

namespace ModelFs.Tests.Terminal;

public sealed class TerminalTextTests
{
    [Theory]
    [InlineData("plain, ünïcode, 模型 and 🤗", "plain, ünïcode, 模型 and 🤗")]
    [InlineData("\u009B31mred", @"\u009B31mred")]
    [InlineData("\e]0;title\a", @"\u001B]0;title\u0007")]
    [InlineData("a\nb\tc\u007F", @"a\u000Ab\u0009c\u007F")]
    [InlineData("gpj.\u202Etxt\u2066", @"gpj.\u202Etxt\u2066")]
    public void What_a_terminal_would_obey_is_shown_and_the_rest_is_as_it_was(string text, string shown) => Assert.Equal(shown, TerminalText.Escaped(text));

    [Theory]
    [InlineData("model", 5)]
    [InlineData("模型", 4)]
    [InlineData("e\u0301", 1)]
    [InlineData("한글.bin", 8)]
    [InlineData("🤗", 2)]
    [InlineData("━─…", 3)]
    [InlineData("ｆｕｌｌ", 8)]
    public void Columns_are_counted_as_a_terminal_counts_them(string text, int columns) => Assert.Equal(columns, TerminalText.Width(text));

    [Theory]
    [InlineData("模型模型", 5, "模型", "模型")]
    [InlineData("abcdef", 4, "abcd", "cdef")]
    [InlineData("🤗🤗", 3, "🤗", "🤗")]
    [InlineData("ab", 0, "", "")]
    [InlineData("ab", -1, "", "")]
    [InlineData("ab", 9, "ab", "ab")]
    public void Both_ends_are_cut_between_characters(string text, int columns, string head, string tail) =>
        Assert.Equal((head, tail), (TerminalText.Head(text, columns), TerminalText.Tail(text, columns)));

    [Fact]
    public void A_terminal_gets_lines_and_no_commands()
    {
        var terminal = new StringWriter { NewLine = "\n" };
        using (var output = new TerminalWriter(terminal))
        {
            output.WriteLine("a\e[2Jb");
            output.Write("two\nlines");
            output.Write('\u009B');
            output.WriteLine();
        }

        Assert.Equal("a\\u001B[2Jb\ntwo\nlines\\u009B\n", terminal.ToString());
    }
}
