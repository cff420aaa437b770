using ModelFs.Registries.Tests.Support;
using ModelFs.Testing.Http;

namespace ModelFs.Registries.Tests.Tree;

/// <summary>Bytes of one content of a file, and of no other.</summary>
public sealed class TreeContentTests : IAsyncLifetime
{
    private const string Date = "Wed, 21 Oct 2015 07:28:00 GMT";
    private static readonly byte[] Content = [.. Enumerable.Range(0, 200).Select(i => (byte)i)];
    private static readonly TreeFile Tagged = new("x", 200, "\"v1\"", null);
    private static readonly TreeFile Dated = new("x", 200, Date, null);

    private readonly MisbehavingServer server = new();
    private IFileTree tree = null!;

    public Task InitializeAsync()
    {
        tree = TestRegistry.Tree(server.Uri);
        return Task.CompletedTask;
    }

    public async Task DisposeAsync()
    {
        await tree.DisposeAsync();
        await server.DisposeAsync();
    }

    private void Answer(int status, byte[] body, params (string, string)[] headers) => server.On("/", exchange => exchange.RespondAsync(status, body, headers));

    private ValueTask<RegistryResult<ContentStream>> OpenAsync(TreeFile file, long offset = 10, long length = 10) => tree.OpenAsync(file, offset, length, default);

    private static async Task<byte[]> AllAsync(ContentStream content)
    {
        await using (content)
        {
            var all = new MemoryStream();
            await content.Body.CopyToAsync(all);
            return all.ToArray();
        }
    }

    [Fact]
    public async Task Names_are_answered_beside_as_many_slow_bodies_as_there_may_be()
    {
        server.On("/", async (exchange, cancellation) =>
        {
            exchange.KeepAlive = true;
            await exchange.SendHeadAsync(200, "OK", [new("Content-Length", "200"), new("ETag", "\"v1\"")]);
            if (exchange.Request.Method == "GET")
                await Task.Delay(Timeout.Infinite, cancellation);
        });
        var bodies = new List<ContentStream>();
        try
        {
            // What the cache fetches of one registry at once: half of its places for readers and of those for what is read ahead.
            for (var i = 0; i < 120; i++)
                bodies.Add(await OpenAsync(Tagged, 0, 200).Must());
            Assert.Equal(200, (await tree.FindAsync("x", default).Must()).File?.Size);
        }
        finally
        {
            foreach (var body in bodies)
                await body.DisposeAsync();
        }
    }

    [Fact]
    public async Task A_range_is_asked_for_only_of_the_content_that_was_found()
    {
        Answer(206, Content[10..20], ("Content-Range", "bytes 10-19/200"), ("ETag", "\"v1\""));
        Assert.Equal(Content[10..20], await AllAsync(await OpenAsync(Tagged).Must()));
        Answer(206, Content[10..20], ("Content-Range", "bytes 10-19/200"), ("Last-Modified", Date));
        Assert.Equal(Content[10..20], await AllAsync(await OpenAsync(Dated).Must()));

        Assert.Equal(["\"v1\"", null], server.Requests.Select(request => request.Header("If-Match")));
        Assert.Equal([null, Date], server.Requests.Select(request => request.Header("If-Unmodified-Since")));
        Assert.All(server.Requests, request => Assert.Equal("bytes=10-19", request.Header("Range")));
    }

    [Fact]
    public async Task A_server_without_ranges_sends_the_whole_content_that_was_found()
    {
        Answer(200, Content, ("Last-Modified", Date));
        var whole = await OpenAsync(Dated).Must();
        Assert.Equal((0, 200), (whole.Offset, whole.TotalLength));
        Assert.Equal(Content, await AllAsync(whole));
    }

    [Theory]
    [InlineData(412, null, null)]
    [InlineData(416, "bytes */5", null)]
    [InlineData(404, null, null)]
    [InlineData(410, null, null)]
    [InlineData(206, "bytes 10-19/200", "\"v2\"")]
    [InlineData(206, "bytes 10-19/200", "W/\"v1\"")]
    [InlineData(206, "bytes 10-19/200", null)]
    [InlineData(206, "bytes 10-19/201", "\"v1\"")]
    [InlineData(200, null, "\"v2\"")]
    [InlineData(200, null, "\"v1\"")] // of another length
    public async Task Other_content_than_was_found_is_never_read(int status, string? range, string? tag)
    {
        List<(string, string)> headers = [];
        if (range is not null) headers.Add(("Content-Range", range));
        if (tag is not null) headers.Add(("ETag", tag));
        Answer(status, Content[10..20], [.. headers]);
        await OpenAsync(Tagged).MustFail(RegistryErrorKind.Changed);
    }

    [Fact]
    public async Task A_weak_tag_is_compared_and_not_sent()
    {
        Answer(206, Content[10..20], ("Content-Range", "bytes 10-19/200"), ("ETag", "W/\"v1\""));
        Assert.Equal(Content[10..20], await AllAsync(await OpenAsync(Tagged with { Validator = "W/\"v1\"" }).Must()));
        Assert.Null(server.Requests.Single().Header("If-Match"));
    }

    [Fact]
    public async Task A_file_without_a_validator_comes_in_one_answer_or_not_at_all()
    {
        Answer(200, Content);
        var first = (await tree.FindAsync("x", default).Must()).File!;
        var second = (await tree.FindAsync("x", default).Must()).File!;
        Assert.NotEqual(first, second);

        Assert.Equal(Content, await AllAsync(await OpenAsync(first).Must()));
        Assert.Null(server.Requests.Last().Header("Range"));
        await OpenAsync(first).MustFail(RegistryErrorKind.Changed);
        Assert.Equal(Content, await AllAsync(await OpenAsync(second).Must()));
        await using var restarted = TestRegistry.Tree(server.Uri);
        var third = (await tree.FindAsync("x", default).Must()).File!;
        await restarted.OpenAsync(third, 0, 200, default).MustFail(RegistryErrorKind.Changed);
    }

    [Fact]
    public async Task Encoded_bytes_are_refused()
    {
        Answer(200, Content, ("ETag", "\"v1\""), ("Content-Encoding", "gzip"));
        await OpenAsync(Tagged).MustFail(RegistryErrorKind.Malformed);
    }

    [Fact]
    public async Task An_empty_file_is_not_asked_for()
    {
        Assert.Empty(await AllAsync(await OpenAsync(Tagged with { Size = 0 }, 0, 1).Must()));
        Assert.Empty(server.Requests);
    }
}
