using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using ModelFs.Registries.Tests.Support;
using ModelFs.Testing.Http;

namespace ModelFs.Registries.Tests;

/// <summary>An origin that fails, for a while or for good. Waits are real and short; no test asserts how fast anything is.</summary>
public sealed class ResilienceTests : IAsyncLifetime
{
    private const string Search = ScriptedModel.Api + "registered-models/search";
    private readonly MisbehavingServer server = new();
    private readonly CapturedLogs logs = new();

    public Task InitializeAsync() => Task.CompletedTask;

    public Task DisposeAsync() => server.DisposeAsync().AsTask();

    private IModelRegistry Registry(double attempt = 5, double total = 20, Uri? uri = null)
    {
        var options = TestRegistry.Options((uri ?? server.Uri).AbsoluteUri);
        return TestRegistry.With(
            options with { AttemptTimeout = TimeSpan.FromSeconds(attempt), TotalTimeout = TimeSpan.FromSeconds(total) }, logs);
    }

    [Theory]
    [InlineData(408), InlineData(429), InlineData(502), InlineData(503), InlineData(504)]
    public async Task A_status_that_passes_is_tried_again(int status)
    {
        server.On(Search, exchange => server.Requests.Count < 3 ? exchange.RespondAsync(status, "later") : exchange.RespondAsync(200, "{}"));
        await using var registry = Registry();
        await registry.PingAsync(default).Must();
        Assert.Equal(3, server.Requests.Count);
    }

    [Theory]
    [InlineData(400), InlineData(404), InlineData(405), InlineData(409), InlineData(500), InlineData(501)]
    public async Task A_status_that_stays_is_not_tried_again(int status)
    {
        server.On(Search, exchange => exchange.RespondAsync(status, "no"));
        await using var registry = Registry();
        Assert.False((await registry.PingAsync(default)).IsOk);
        Assert.Single(server.Requests);
    }

    [Fact]
    public async Task A_route_that_is_switched_off_is_not_tried_again()
    {
        server.On(Search, exchange => exchange.RespondAsync(
            503, "Endpoint: /api/2.0/mlflow/registered-models/search disabled due to the mlflow server running in `--artifacts-only` mode."));
        await using var registry = Registry();
        await registry.PingAsync(default).MustFail(RegistryErrorKind.Unsupported);
        Assert.Single(server.Requests);
    }

    [Fact]
    public async Task Retry_After_is_waited_for_within_the_deadline()
    {
        var first = 0L;
        var waited = TimeSpan.Zero;
        server.On(Search, exchange =>
        {
            if (server.Requests.Count == 1)
            {
                first = Stopwatch.GetTimestamp();
                return exchange.RespondAsync(429, "busy", "text/plain", ("Retry-After", "1"));
            }

            waited = Stopwatch.GetElapsedTime(first);
            return exchange.RespondAsync(200, "{}");
        });
        await using var registry = Registry();
        await registry.PingAsync(default).Must();
        Assert.True(waited >= TimeSpan.FromMilliseconds(950), $"it waited {waited}");
    }

    [Fact]
    public async Task Retry_After_beyond_the_deadline_ends_the_call_at_once()
    {
        server.On(Search, exchange => exchange.RespondAsync(429, "busy", "text/plain", ("Retry-After", "3600")));
        await using var registry = Registry();
        var error = await registry.PingAsync(default).MustFail(RegistryErrorKind.Unavailable);
        Assert.Contains("3600", error.Message, StringComparison.Ordinal);
        Assert.Single(server.Requests);
    }

    [Fact]
    public async Task An_origin_that_asks_to_be_asked_at_once_is_not_asked_without_a_pause()
    {
        server.On(Search, exchange => server.Requests.Count == 1
            ? exchange.RespondAsync(200, "{}")
            : exchange.RespondAsync(429, "busy", "text/plain", ("Retry-After", "0")));
        await using var registry = Registry(total: 3);
        await registry.PingAsync(default).Must();
        await registry.PingAsync(default).MustFail(RegistryErrorKind.Unavailable);
        // 0.1, 0.2, 0.4, 0.8 s at the least, and none after the first second.
        Assert.InRange(server.Requests.Count, 2, 6);
    }

    [Fact]
    public async Task A_connection_that_ends_without_an_answer_is_tried_again()
    {
        server.On(Search, exchange =>
        {
            if (server.Requests.Count > 1) return exchange.RespondAsync(200, "{}");
            exchange.Cut();
            return Task.CompletedTask;
        });
        await using var registry = Registry();
        await registry.PingAsync(default).Must();
    }

    [Fact]
    public async Task A_server_that_never_answers_costs_the_total_deadline_and_no_more()
    {
        server.OnNothing("/");
        await using var registry = Registry(attempt: 0.3, total: 1);
        var started = Stopwatch.GetTimestamp();
        await registry.PingAsync(default).MustFail(RegistryErrorKind.Unavailable);
        await registry.OpenAsync(
            new ModelVersion("m", "1", DateTimeOffset.UnixEpoch, "mlflow-artifacts:/x"), new ManifestFile("f", 10), 0, 10, default)
            .MustFail(RegistryErrorKind.Unavailable);
        Assert.True(Stopwatch.GetElapsedTime(started) < TimeSpan.FromSeconds(10));
    }

    [Fact]
    public async Task An_answer_that_never_ends_costs_the_total_deadline_and_no_more()
    {
        server.On("/", async (exchange, cancellation) =>
        {
            await exchange.SendAsync("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"a\":");
            await Task.Delay(Timeout.Infinite, cancellation);
        });
        await using var registry = Registry(attempt: 0.3, total: 1);
        await registry.PingAsync(default).MustFail(RegistryErrorKind.Unavailable);
    }

    [Fact]
    public async Task A_caller_that_gives_up_is_obeyed()
    {
        server.OnNothing("/");
        await using var registry = Registry();
        using var soon = new CancellationTokenSource(100);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => registry.PingAsync(soon.Token).AsTask());
    }

    [Fact]
    public async Task Nobody_there_is_unavailable_and_says_where()
    {
        var nobody = FreePort();
        await using var registry = Registry(uri: new Uri($"http://127.0.0.1:{nobody}/"));
        var error = await registry.PingAsync(default).MustFail(RegistryErrorKind.Unavailable);
        Assert.Contains($"127.0.0.1:{nobody}", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_origin_that_is_down_is_left_alone_and_used_again_within_ten_seconds()
    {
        var up = false;
        server.On(Search, exchange => Volatile.Read(ref up) ? exchange.RespondAsync(200, "{}") : exchange.RespondAsync(502, "down"));
        await using var registry = Registry();
        await registry.PingAsync(default).MustFail(RegistryErrorKind.Unavailable);
        var asked = server.Requests.Count;
        var error = await registry.PingAsync(default).MustFail(RegistryErrorKind.Unavailable);
        Assert.Contains("not asked again for", error.Message, StringComparison.Ordinal);
        Assert.Equal(asked, server.Requests.Count);

        Volatile.Write(ref up, true);
        var started = Stopwatch.GetTimestamp();
        while (!(await registry.PingAsync(default)).IsOk)
        {
            Assert.True(Stopwatch.GetElapsedTime(started) < TimeSpan.FromSeconds(10), "it is not used again");
            await Task.Delay(100);
        }

        Assert.Contains(logs.Lines, line => line.Contains("failed repeatedly", StringComparison.Ordinal));
        Assert.Contains(logs.Lines, line => line.Contains("answers again", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_silence_of_an_origin_that_was_well_is_waited_out_by_all_who_ask_meanwhile()
    {
        var isSilent = false;
        server.On("/", (exchange, cancellation) => Volatile.Read(ref isSilent)
            ? Task.Delay(Timeout.Infinite, cancellation)
            : exchange.Request.Path.StartsWith(Search, StringComparison.Ordinal)
                ? exchange.RespondAsync(200, "{}")
                : exchange.RespondAsync(206, "0123456789", "application/octet-stream", ("Content-Range", "bytes 0-9/10")));
        await using var registry = Registry(attempt: 1, total: 90);
        await registry.PingAsync(default).Must();
        Assert.Equal("0123456789", await ReadTenAsync(registry));
        Volatile.Write(ref isSilent, true);
        var names = Enumerable.Range(0, 6).Select(_ => registry.PingAsync(default).Must()).ToList();
        var bodies = Enumerable.Range(0, 6).Select(_ => ReadTenAsync(registry)).ToList();
        await LoggedAsync("failed repeatedly");
        names.Add(registry.PingAsync(default).Must());
        bodies.Add(ReadTenAsync(registry));
        Volatile.Write(ref isSilent, false);
        await Task.WhenAll(names);
        Assert.All(await Task.WhenAll(bodies), body => Assert.Equal("0123456789", body));
    }

    [Fact]
    public async Task An_origin_that_failed_for_longer_than_a_stall_is_down_for_who_comes_later_and_not_for_who_waits()
    {
        var isDown = false;
        server.On(Search, exchange => Volatile.Read(ref isDown) ? exchange.RespondAsync(502, "down") : exchange.RespondAsync(200, "{}"));
        var time = new ShiftedTime();
        var options = TestRegistry.Options(server.Uri.AbsoluteUri) with { TotalTimeout = TimeSpan.FromSeconds(120), StallTimeout = TimeSpan.FromSeconds(30) };
        await using var registry = TestRegistry.With(options, time, logs);
        await registry.PingAsync(default).Must();
        Volatile.Write(ref isDown, true);
        var waiting = Enumerable.Range(0, 6).Select(_ => registry.PingAsync(default).AsTask()).ToList();
        await LoggedAsync("failed repeatedly");
        time.PutForward(TimeSpan.FromSeconds(45));
        var error = await registry.PingAsync(default).MustFail(RegistryErrorKind.Unavailable);
        Assert.Contains("not asked again for", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(waiting, call => call.IsCompleted);
        Volatile.Write(ref isDown, false);
        Assert.All(await Task.WhenAll(waiting), answer => Assert.True(answer.IsOk, answer.Error?.Message));
    }

    [Fact]
    public async Task A_connection_that_breaks_off_before_content_is_tried_once_more()
    {
        server.On("/", exchange =>
        {
            if (server.Requests.Count > 1) return exchange.RespondAsync(200, "0123456789", "application/octet-stream");
            exchange.Cut();
            return Task.CompletedTask;
        });
        await using var registry = Registry();
        Assert.Equal("0123456789", await ReadTenAsync(registry));
        Assert.Equal(2, server.Requests.Count);
        Assert.Equal(server.Requests.First().Path, server.Requests.Last().Path);
    }

    [Fact]
    public async Task Missing_files_do_not_make_an_origin_one_that_is_down()
    {
        server.On("/", exchange => exchange.RespondAsync(500, "<h1>Internal Server Error</h1>", "text/html"));
        server.OnJson(Search, "{}");
        await using var registry = Registry();
        var version = new ModelVersion("m", "1", DateTimeOffset.UnixEpoch, "mlflow-artifacts:/x");
        for (var i = 0; i < 10; i++)
            await registry.OpenAsync(version, new ManifestFile("f", 10), 0, 10, default).MustFail(RegistryErrorKind.NotFound);
        await registry.PingAsync(default).Must();
    }

    [Fact]
    public async Task A_date_at_the_end_of_time_is_a_clock_that_is_off_and_no_fault()
    {
        server.On(Search, exchange => exchange.RespondAsync(200, "{}", "application/json", ("Date", "Fri, 31 Dec 9999 23:59:59 GMT"), ("Age", "2147483647")));
        await using var registry = Registry();
        await registry.PingAsync(default).Must();
        Assert.InRange(registry.ClockSkew!.Value.TotalDays, 365 * 1000, 365 * 20_000);
    }

    private static async Task<string> ReadTenAsync(IModelRegistry registry)
    {
        var version = new ModelVersion("m", "1", DateTimeOffset.UnixEpoch, "mlflow-artifacts:/x");
        await using var content = await registry.OpenAsync(version, new ManifestFile("f", 10), 0, 10, default).Must();
        return await new StreamReader(content.Body).ReadToEndAsync();
    }

    private async Task LoggedAsync(string words)
    {
        var limit = Stopwatch.StartNew();
        while (!logs.Lines.Any(line => line.Contains(words, StringComparison.Ordinal)))
        {
            Assert.True(limit.Elapsed < TimeSpan.FromSeconds(60), $"nothing was logged of '{words}'");
            await Task.Delay(20);
        }
    }

    private static int FreePort()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)socket.LocalEndPoint!).Port;
    }
}
