using ModelFs.Registries.Tests.Support;
using ModelFs.Testing.Http;

namespace ModelFs.Registries.Tests.Tree;

/// <summary>What is at a path, and what is in a directory, by what a server answers.</summary>
public sealed class HttpTreeTests : IAsyncLifetime
{
    private readonly MisbehavingServer server = new();
    private readonly CapturedLogs logs = new();
    private IFileTree tree = null!;

    public Task InitializeAsync()
    {
        tree = TestRegistry.Tree(new Uri(server.Uri, "/base/"), logs);
        return Task.CompletedTask;
    }

    public async Task DisposeAsync()
    {
        await tree.DisposeAsync();
        await server.DisposeAsync();
    }

    private void Answer(string path, int status, byte[] body, params (string, string)[] headers) =>
        server.On(path, exchange => exchange.RespondAsync(status, body, headers));

    private string[] Asked() => [.. server.Requests.Select(request => $"{request.Method} {request.Target}")];

    [Fact]
    public async Task A_file_is_found_by_one_HEAD_with_its_size_and_validator()
    {
        Answer("/base/a%20b/c", 200, new byte[7], ("ETag", "\"v1\""), ("Last-Modified", "Wed, 21 Oct 2015 07:28:00 GMT"));
        var found = await tree.FindAsync("a b/c", default).Must();
        Assert.Equal(new TreeFile("a b/c", 7, "\"v1\"", new DateTimeOffset(2015, 10, 21, 7, 28, 0, TimeSpan.Zero)), found.File);
        Assert.Equal(["HEAD /base/a%20b/c"], Asked());
    }

    [Theory]
    [InlineData("100% #1?.txt", "/base/100%25%20%231%3F.txt")]
    [InlineData("a+b&c;d", "/base/a%2Bb%26c%3Bd")]
    [InlineData("%2e%2e", "/base/%252e%252e")]
    [InlineData("ü", "/base/%C3%BC")]
    [InlineData("back\\slash", "/base/back%5Cslash")]
    public async Task A_name_is_asked_for_as_it_is_and_nothing_in_it_means_anything(string name, string target)
    {
        Answer("/base/", 200, new byte[1], ("ETag", "\"v\""));
        await tree.FindAsync(name, default).Must();
        Assert.Equal([$"HEAD {target}"], Asked());
    }

    [Theory]
    [InlineData("..")]
    [InlineData("a/../b")]
    [InlineData("a//b")]
    [InlineData("/a")]
    [InlineData("a\0b")]
    [InlineData("a\u001b[2J")]
    public async Task A_path_that_no_file_can_have_is_absent_without_a_question(string path)
    {
        await tree.FindAsync(path, default).MustFail(RegistryErrorKind.NotFound);
        Assert.Empty(server.Requests);
    }

    [Theory]
    [InlineData("/base/dir/")]
    [InlineData("http://localhost:1/elsewhere/dir/")]
    public async Task A_redirect_to_the_name_with_a_slash_says_that_it_is_a_directory(string location)
    {
        Answer("/base/dir", 301, [], ("Location", location));
        Assert.Null((await tree.FindAsync("dir", default).Must()).File);
        Assert.Equal(["HEAD /base/dir"], Asked());
    }

    [Fact]
    public async Task A_directory_that_answers_to_its_name_with_a_slash_alone_is_one()
    {
        Answer("/base/dir/", 200, [], ("Content-Type", "text/html"));
        Assert.Null((await tree.FindAsync("dir", default).Must()).File);
        Assert.Equal(["HEAD /base/dir", "HEAD /base/dir/"], Asked());
    }

    [Fact]
    public async Task What_is_declared_a_directory_is_one_with_those_above_it_and_costs_no_question()
    {
        await using var declared = TestRegistry.Tree(
            new RegistryOptions { Name = "WWW", Kind = "http", Uri = server.Uri.AbsoluteUri, Directories = ["/a/b/c/"] });
        foreach (var path in new[] { "a", "a/b", "a/b/c" })
            Assert.Null((await declared.FindAsync(path, default).Must()).File);
        Assert.Empty(server.Requests);
        await declared.FindAsync("a/b/d", default).MustFail(RegistryErrorKind.NotFound);
    }

    [Theory]
    [InlineData(405)]
    [InlineData(501)]
    public async Task Where_HEAD_is_refused_the_first_byte_is_asked_for_and_HEAD_is_not_tried_again(int status)
    {
        server.On("/base/", exchange => exchange.Request.Method == "HEAD"
            ? exchange.RespondAsync(status, [])
            : exchange.RespondAsync(206, [1], ("Content-Range", "bytes 0-0/1234"), ("ETag", "\"v\"")));
        Assert.Equal(1234, (await tree.FindAsync("x", default).Must()).File!.Size);
        Assert.Equal(1234, (await tree.FindAsync("y", default).Must()).File!.Size);
        Assert.Equal(["HEAD /base/x", "GET /base/x", "GET /base/y"], Asked());
        Assert.Equal("bytes=0-0", server.Requests.Last().Header("Range"));
    }

    [Fact]
    public async Task Where_HEAD_tells_no_length_the_answer_to_the_first_byte_does()
    {
        server.On("/base/", exchange => exchange.Request.Method == "HEAD"
            ? exchange.SendHeadAsync(200, "OK", [KeyValuePair.Create("Connection", "close")])
            : exchange.RespondAsync(416, [], ("Content-Range", "bytes */0"), ("ETag", "\"v\"")));
        Assert.Equal(0, (await tree.FindAsync("x", default).Must()).File!.Size);
    }

    [Fact]
    public async Task A_length_that_is_absurd_is_an_error_that_says_so()
    {
        server.On("/base/", exchange => exchange.SendHeadAsync(200, "OK", [KeyValuePair.Create("Content-Length", $"{1L << 46}"), KeyValuePair.Create("ETag", "\"v\"")]));
        var error = await tree.FindAsync("x", default).MustFail(RegistryErrorKind.Malformed);
        Assert.Contains($"{1L << 46} bytes, and no file here may have more than {1L << 40} (1 TiB)", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_length_that_nobody_tells_is_unknown()
    {
        server.On("/base/", exchange => exchange.SendHeadAsync(
            200, "OK", [KeyValuePair.Create("Connection", "close"), KeyValuePair.Create("Last-Modified", "Wed, 21 Oct 2015 07:28:00 GMT")]));
        var file = (await tree.FindAsync("x", default).Must()).File!;
        Assert.Null(file.Size);
        Assert.Equal("Wed, 21 Oct 2015 07:28:00 GMT", file.Validator);
    }

    [Theory]
    [InlineData(404, RegistryErrorKind.NotFound)]
    [InlineData(410, RegistryErrorKind.NotFound)]
    [InlineData(401, RegistryErrorKind.Denied)]
    [InlineData(403, RegistryErrorKind.Denied)]
    [InlineData(500, RegistryErrorKind.Unavailable)]
    [InlineData(400, RegistryErrorKind.Malformed)]
    [InlineData(418, RegistryErrorKind.Malformed)]
    public async Task A_file_is_absent_only_when_the_server_says_404_or_410(int status, RegistryErrorKind kind)
    {
        Answer("/base/", status, []);
        await tree.FindAsync("x", default).MustFail(kind);
    }

    [Fact]
    public async Task A_server_that_nobody_reaches_has_no_absent_files()
    {
        var gone = new MisbehavingServer();
        await gone.DisposeAsync();
        await using var lost = TestRegistry.Tree(gone.Uri);
        await lost.FindAsync("x", default).MustFail(RegistryErrorKind.Unavailable);
        await lost.ListAsync("", default).MustFail(RegistryErrorKind.Unavailable);
        await lost.PingAsync(default).MustFail(RegistryErrorKind.Unavailable);
    }

    [Fact]
    public async Task A_directory_is_listed_by_its_index_page()
    {
        Answer("/base/dir/", 200, "<a href='x%20y'>x</a><a href='/base/dir/sub/'>s</a><a href='../'>up</a><a href='%0a'>bad</a>"u8.ToArray());
        Assert.Equal([new ListedName("x y", false), new ListedName("sub", true)], await tree.ListAsync("dir", default).Must());
        Assert.Contains(logs.Lines, line => line.Contains("1 entries of", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(404)]
    [InlineData(204)]
    [InlineData(405)]
    public async Task Without_an_index_page_a_listing_is_not_supported_and_the_message_says_so(int status)
    {
        Answer("/base/", status, []);
        var error = await tree.ListAsync("", default).MustFail(RegistryErrorKind.Unsupported);
        Assert.Contains("found by their names", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_directory_that_is_gone_is_absent_when_it_is_listed() => await tree.ListAsync("gone", default).MustFail(RegistryErrorKind.NotFound);

    [Fact]
    public async Task A_homepage_is_no_index() 
    {
        Answer("/base/", 200, "<html><title>Welcome</title><a href='https://example.com/'>go</a></html>"u8.ToArray());
        await tree.ListAsync("", default).MustFail(RegistryErrorKind.Unsupported);
    }

    [Fact]
    public async Task An_index_page_without_end_is_refused()
    {
        var line = new byte[1 << 20];
        Array.Fill(line, (byte)' ');
        server.On("/base/", async (exchange, cancellation) =>
        {
            await exchange.SendHeadAsync(200, "OK", [KeyValuePair.Create("Connection", "close")]);
            while (!cancellation.IsCancellationRequested)
                await exchange.SendAsync(line);
        });
        await tree.ListAsync("", default).MustFail(RegistryErrorKind.Malformed);
    }

    [Fact]
    public async Task A_server_that_answers_anything_is_alive()
    {
        await tree.PingAsync(default).Must();
        Assert.Equal(["HEAD /base/"], Asked());
    }
}
