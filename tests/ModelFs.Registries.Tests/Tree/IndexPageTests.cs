using ModelFs.Registries.Tree;
using ModelFs.Testing;

namespace ModelFs.Registries.Tests.Tree;

/// <summary>Index pages: the recorded ones of real servers, and what a hostile one could hold.</summary>
public sealed class IndexPageTests
{
    private static readonly Uri Page = new("http://127.0.0.1:8080/files/a%20b/");

    private static readonly string[] Files =
    [
        " leading", ".hidden", "100%.txt", "<tag>.txt", "[br](ack){et}.txt", "a%2Fb.txt", "a&b.txt", "a+b.txt", "amp&amp;.txt", "back\\slash.txt",
        "co:lon.txt", "empty", "hash#tag.txt", "it's.txt", "name with a rather long name that index pages will cut somewhere in the middle.txt",
        "plain.txt", "quo\"te.txt", "semi;colon.txt", "tilde~.txt", "trailing ", "what?.txt", "with space.txt", "ünïcode-日本.txt",
    ];

    private static readonly string[] Directories = ["C:dir", "emptydir", "sub dir"];

    public static TheoryData<string> Recorded() =>
        [.. Directory.GetFiles(Fixtures.PathOf("index-pages")).Select(file => Path.GetFileName(file)).Where(name => !name.EndsWith(".md", StringComparison.Ordinal))];

    [Theory]
    [MemberData(nameof(Recorded))]
    public void The_index_pages_of_nginx_Apache_Caddy_and_Python_are_read(string recorded)
    {
        var names = IndexPage.Read(Page, File.ReadAllText(Fixtures.PathOf("index-pages", recorded)), out var leftOut);

        Assert.NotNull(names);
        Assert.Equal(0, leftOut);
        var hidesDots = recorded.StartsWith("nginx", StringComparison.Ordinal);
        var isEmpty = recorded.Contains("empty", StringComparison.Ordinal);
        Assert.Equal(isEmpty ? [] : Files.Where(name => !hidesDots || name[0] != '.').Order(), names.Where(name => !name.IsDirectory).Select(name => name.Name).Order());
        Assert.Equal(isEmpty ? [] : Directories, names.Where(name => name.IsDirectory).Select(name => name.Name).Order());
    }

    [Theory]
    [InlineData("../")]
    [InlineData("./")]
    [InlineData("")]
    [InlineData("/")]
    [InlineData("/etc/passwd")]
    [InlineData("/files/")]
    [InlineData("/files/a%20b/")]
    [InlineData("../sibling")]
    [InlineData("sub/deeper")]
    [InlineData("%2e%2e/")]
    [InlineData("..%2f")]
    [InlineData("..%2fx")]
    [InlineData("a%2fb")]
    [InlineData("a%00b")]
    [InlineData("a%0ab")]
    [InlineData("a%1b%5b2Jb")]
    [InlineData("%e9")]
    [InlineData("?C=N;O=D")]
    [InlineData("x?download=1")]
    [InlineData("#top")]
    [InlineData("x#y")]
    [InlineData("http://elsewhere/files/a%20b/x")]
    [InlineData("https://127.0.0.1:8080/files/a%20b/x")]
    [InlineData("http://127.0.0.1:9/files/a%20b/x")]
    [InlineData("//elsewhere/files/a%20b/x")]
    [InlineData("javascript:alert(1)")]
    [InlineData("mailto:x@y")]
    [InlineData("file:///etc/passwd")]
    public void A_link_that_leads_elsewhere_or_to_what_cannot_be_a_name_is_left_out(string link)
    {
        Assert.Equal([new ListedName("good", false)], Read($"<title>Index of /</title><a href=\"{link}\">x</a><a href='good'>x</a>", out _));
    }

    [Theory]
    [InlineData("good")]
    [InlineData("./good")]
    [InlineData("/files/a%20b/good")]
    [InlineData("/files/a b/good")]
    [InlineData("http://127.0.0.1:8080/files/a%20b/good")]
    [InlineData("%67ood")]
    [InlineData(" good ")]
    [InlineData("g&#111;&#x6f;d")]
    public void However_a_link_is_spelled_it_is_one_name(string link) =>
        Assert.Equal([new ListedName("good", false)], Read($"<A class=x HREF=\"{link}\">x</A><a href=\"{link}\">again</a>", out _));

    [Theory]
    [InlineData("")]
    [InlineData("<html><title>Welcome</title><p>Nothing to see</p></html>")]
    [InlineData("<a href='https://example.com/'>elsewhere</a>")]
    [InlineData("{\"name\": \"x\"}")]
    [InlineData("[1, 2]")]
    [InlineData("[{\"size\": 3}]")]
    [InlineData("[{\"name\": ")]
    public void A_page_that_is_no_index_is_not_taken_for_an_empty_directory(string text) => Assert.Null(IndexPage.Read(Page, text, out _));

    [Fact]
    public void Names_in_JSON_are_held_to_the_same_rules()
    {
        var names = Read(
            """[{"name":"a","type":"file"},{"name":"..","type":"directory"},{"name":"a/b","type":"file"},{"name":"d/","is_dir":true},{"name":"x\u0000"}]""", out var leftOut);
        Assert.Equal([new ListedName("a", false), new ListedName("d", true)], names);
        Assert.Equal(3, leftOut);
    }

    [Fact]
    public void Names_of_256_bytes_are_left_out_and_those_of_255_are_not()
    {
        var (longest, tooLong) = (new string('é', 127) + "x", new string('é', 128));
        var names = Read($"<a href='{Uri.EscapeDataString(longest)}'>x</a><a href='{Uri.EscapeDataString(tooLong)}'>x</a>", out var leftOut);
        Assert.Equal([new ListedName(longest, false)], names);
        Assert.Equal(1, leftOut);
    }

    [Fact]
    public void A_page_that_nests_a_hundred_thousand_tags_is_read_as_any_other()
    {
        var text = string.Concat(Enumerable.Repeat("<a href='x'><b><table><i>", 100_000));
        Assert.Equal([new ListedName("x", false)], Read(text, out _));
    }

    private static ListedName[] Read(string text, out int leftOut)
    {
        var names = IndexPage.Read(Page, text, out leftOut);
        Assert.NotNull(names);
        return names;
    }
}
