using System.Text;
using ModelFs.Registries.Tests.Support;
using ModelFs.Testing.Http;

namespace ModelFs.Registries.Tests;

/// <summary>Bytes: an answer is used only if it is what was asked for, and a body only as far as it is due.</summary>
public sealed class HostileContentTests : IAsyncLifetime
{
    private static readonly byte[] Content = [.. Enumerable.Range(0, 200).Select(i => (byte)i)];
    private readonly ShiftedTime time = new();
    private readonly ScriptedModel model;

    public HostileContentTests() => model = new ScriptedModel(time: time);

    public Task InitializeAsync() => Task.CompletedTask;

    public Task DisposeAsync() => model.DisposeAsync().AsTask();

    private void Answer(int status, int from, int count, string? range, params (string, string)[] headers)
    {
        if (range is not null) headers = [.. headers, ("Content-Range", range)];
        model.Server.On("/", exchange => exchange.RespondAsync(status, Content[from..(from + count)], headers));
    }

    private static async Task<byte[]> AllAsync(ContentStream content)
    {
        await using (content)
        {
            var all = new MemoryStream();
            await content.Body.CopyToAsync(all);
            return all.ToArray();
        }
    }

    [Theory]
    [InlineData("bytes 11-20/200")]
    [InlineData("bytes 10-18/200")]
    [InlineData("bytes 10-20/200")]
    [InlineData("bytes 10-19/201")]
    [InlineData("bytes 10-19/*")]
    [InlineData("bytes */200")]
    [InlineData("*/200")]
    [InlineData("lines 10-19/200")]
    [InlineData("bytes 19-10/200")]
    [InlineData(null)]
    public async Task A_range_that_was_not_asked_for_is_malformed(string? range)
    {
        Answer(206, 10, 10, range);
        await model.OpenAsync(10, 10, 200).MustFail(RegistryErrorKind.Malformed);
    }

    [Fact]
    public async Task A_range_with_another_length_than_it_says_is_malformed()
    {
        Answer(206, 10, 9, "bytes 10-19/200");
        await model.OpenAsync(10, 10, 200).MustFail(RegistryErrorKind.Malformed);
    }

    [Fact]
    public async Task A_file_of_another_size_than_the_manifests_is_malformed()
    {
        Answer(200, 0, 100, null);
        await model.OpenAsync(10, 10, 200).MustFail(RegistryErrorKind.Malformed);
    }

    [Fact]
    public async Task Encoded_bytes_are_malformed()
    {
        Answer(206, 10, 10, "bytes 10-19/200", ("Content-Encoding", "gzip"));
        await model.OpenAsync(10, 10, 200).MustFail(RegistryErrorKind.Malformed);
        Assert.All(model.Server.Requests, request => Assert.Equal("identity", request.Header("Accept-Encoding")));
    }

    [Fact]
    public async Task A_range_beyond_the_end_is_malformed()
    {
        model.Server.On("/", exchange => exchange.RespondAsync(416, [], ("Content-Range", "bytes */5")));
        await model.OpenAsync(10, 10, 200).MustFail(RegistryErrorKind.Malformed);
    }

    [Fact]
    public async Task The_end_of_a_file_is_where_it_ends()
    {
        Answer(206, 190, 10, "bytes 190-199/200");
        Assert.Equal(Content[190..], await AllAsync(await model.OpenAsync(190, 64, 200).Must()));
    }

    [Fact]
    public async Task The_length_of_a_file_of_unknown_length_comes_with_its_bytes()
    {
        Answer(206, 10, 10, "bytes 10-19/200");
        var content = await model.OpenAsync(10, 10, size: null).Must();
        Assert.Equal(200, content.TotalLength);
        Assert.Equal(Content[10..20], await AllAsync(content));
    }

    [Fact]
    public async Task A_server_that_ignores_ranges_gives_the_file_from_its_beginning()
    {
        Answer(200, 0, 200, null);
        var content = await model.OpenAsync(50, 10, 200).Must();
        Assert.Equal((0, 200), (content.Offset, content.TotalLength));
        Assert.Equal(Content, await AllAsync(content));
    }

    [Fact]
    public async Task An_ETag_that_changes_with_every_answer_changes_no_byte()
    {
        var answers = 0;
        model.Server.On(ScriptedModel.GetArtifact, exchange =>
        {
            var parts = exchange.Request.Header("Range")!["bytes=".Length..].Split('-').Select(int.Parse).ToArray();
            return exchange.RespondAsync(
                206, Content[parts[0]..(parts[1] + 1)], ("Content-Range", $"bytes {parts[0]}-{parts[1]}/200"), ("ETag", $"\"{++answers}\""));
        });
        foreach (var offset in new[] { 0, 150, 20 })
            Assert.Equal(Content[offset..(offset + 10)], await AllAsync(await model.OpenAsync(offset, 10, 200).Must()));
        Assert.Equal(3, answers);
    }

    [Theory]
    [InlineData("Content-Length: 200\r\n\r\n", 120)]
    [InlineData("Transfer-Encoding: chunked\r\n\r\n78\r\n", 120)]
    [InlineData("\r\n", 120)]
    public async Task A_body_that_is_too_short_ends_with_an_error(string head, int count)
    {
        model.Server.On("/", async exchange =>
        {
            await exchange.SendAsync($"HTTP/1.1 200 OK\r\nConnection: close\r\n{head}");
            await exchange.SendAsync(Content.AsMemory(0, count));
        });
        var content = await model.OpenAsync(0, 200, 200).Must();
        await Assert.ThrowsAnyAsync<IOException>(() => AllAsync(content));
    }

    [Fact]
    public async Task A_body_that_is_cut_ends_with_an_error()
    {
        model.Server.On("/", async exchange =>
        {
            await exchange.SendAsync("HTTP/1.1 200 OK\r\nContent-Length: 200\r\n\r\n");
            await exchange.SendAsync(Content.AsMemory(0, 100));
            exchange.Cut();
        });
        await Assert.ThrowsAnyAsync<IOException>(async () => await AllAsync(await model.OpenAsync(0, 200, 200).Must()));
    }

    [Fact]
    public async Task A_body_that_is_too_long_is_read_as_far_as_it_is_due()
    {
        model.Server.On("/", async exchange =>
        {
            await exchange.SendAsync("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
            await exchange.SendAsync(Content);
            await exchange.SendAsync(Encoding.ASCII.GetBytes(new string('x', 1000)));
        });
        Assert.Equal(Content, await AllAsync(await model.OpenAsync(0, 200, 200).Must()));
    }

    [Fact]
    public async Task A_body_that_stalls_ends_with_an_error()
    {
        // Long enough for a busy machine to send the first half.
        await using var impatient = new ScriptedModel(change: options => options with { StallTimeout = TimeSpan.FromSeconds(3) });
        impatient.Server.On("/", async (exchange, cancellation) =>
        {
            await exchange.SendAsync("HTTP/1.1 200 OK\r\nContent-Length: 200\r\n\r\n");
            await exchange.SendAsync(Content.AsMemory(0, 100));
            await Task.Delay(Timeout.Infinite, cancellation);
        });
        var content = await impatient.OpenAsync(0, 200, 200).Must();
        var bytes = new byte[200];
        await content.Body.ReadExactlyAsync(bytes.AsMemory(0, 100));
        var error = await Assert.ThrowsAsync<IOException>(() => content.Body.ReadExactlyAsync(bytes.AsMemory(100)).AsTask());
        Assert.Contains("stalled", error.Message, StringComparison.Ordinal);
        await content.DisposeAsync();
    }

    [Fact]
    public async Task A_reader_that_gives_up_is_not_told_of_a_stall()
    {
        model.Server.On("/", async (exchange, cancellation) =>
        {
            await exchange.SendAsync("HTTP/1.1 200 OK\r\nContent-Length: 200\r\n\r\n");
            await Task.Delay(Timeout.Infinite, cancellation);
        });
        await using var content = await model.OpenAsync(0, 200, 200).Must();
        using var soon = new CancellationTokenSource(50);
        var error = await Assert.ThrowsAnyAsync<OperationCanceledException>(() => content.Body.ReadAsync(new byte[10], soon.Token).AsTask());
        Assert.Equal(soon.Token, error.CancellationToken);
    }

    [Fact]
    public async Task A_proxy_that_honours_ranges_is_found_out_with_a_small_file_and_used_for_large_ones()
    {
        model.Server.On(ScriptedModel.Proxy, exchange =>
        {
            var parts = exchange.Request.Header("Range")!["bytes=".Length..].Split('-').Select(long.Parse).ToArray();
            var large = exchange.Request.Path.EndsWith("large", StringComparison.Ordinal);
            var range = $"bytes {parts[0]}-{parts[1]}/{(large ? 1L << 40 : 200)}";
            return exchange.RespondAsync(206, Content[..(int)(parts[1] - parts[0] + 1)], ("Content-Range", range));
        });
        Assert.Equal(Content, await AllAsync(await model.OpenAsync(0, 200, 200, "small").Must()));
        Assert.Equal(Content[..100], await AllAsync(await model.OpenAsync(1L << 39, 100, 1L << 40, "large").Must()));
        Assert.DoesNotContain(model.Server.Requests, request => request.Path == ScriptedModel.GetArtifact);
    }

    [Fact]
    public async Task A_server_that_had_no_ranges_gets_another_chance_after_ten_minutes()
    {
        Answer(200, 0, 200, null);
        await using (await model.OpenAsync(50, 10, 200).Must())
        {
        }

        await using (await model.OpenAsync(50, 10, 200).Must())
        {
        }

        Answer(206, 50, 10, "bytes 50-59/200");
        time.PutForward(TimeSpan.FromMinutes(11));
        var content = await model.OpenAsync(50, 10, 200).Must();
        Assert.Equal(50, content.Offset);
        Assert.Equal(Content[50..60], await AllAsync(content));
    }

    [Fact]
    public async Task A_missing_file_is_not_asked_for_again_and_again()
    {
        model.Server.OnJson("/", """{"error_code":"INTERNAL_ERROR","message":"[Errno 2] No such file or directory"}""", status: 500);
        await model.OpenAsync(0, 10, 200).MustFail(RegistryErrorKind.NotFound);
        Assert.Equal(2, model.Server.Requests.Count);
    }

    [Fact]
    public async Task A_path_that_climbs_is_not_asked_for()
    {
        await model.OpenAsync(0, 10, 200, "../f").MustFail(RegistryErrorKind.Malformed);
        Assert.Empty(model.Server.Requests);
    }

    [Fact]
    public async Task An_empty_file_costs_no_request()
    {
        Assert.Empty(await AllAsync(await model.OpenAsync(0, 10, 0).Must()));
        Assert.Empty(model.Server.Requests);
    }
}
