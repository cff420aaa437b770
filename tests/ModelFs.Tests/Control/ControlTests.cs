using System.Net.Http.Json;
using System.Net.Sockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Hosting;
using ModelFs.Commands;
using ModelFs.Configuration;
using ModelFs.Control;
using ModelFs.Prefetching;
using ModelFs.Tests.Harness;

namespace ModelFs.Tests.Control;

/// <summary>The two ends of the control socket, on a real one.</summary>
public sealed class ControlTests : IAsyncLifetime
{
    private readonly Scratch scratch = new();
    private WebApplication? app;
    private string? obstacle;
    private int described;

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        if (app is not null)
            await app.DisposeAsync();
        ControlSocket.Forget(MountPoint);
        scratch.Dispose();
    }

    [Fact]
    public async Task Status_and_resolved_paths_cross_the_socket_whole()
    {
        var time = new DateTimeOffset(2025, 11, 19, 1, 2, 3, TimeSpan.Zero);
        var file = new EntryReport("M/ünïcode-模型/1/a b", EntryKind.File, 7, time, null);
        await using var daemon = await StartAsync(new ScriptedStore { Entries = { file } });
        Assert.Equal(file, await daemon.ResolveAsync("x", CancellationToken.None));
        var status = await daemon.GetStatusAsync(CancellationToken.None);
        Assert.Equal(Environment.ProcessId, status.Daemon!.Pid);
        Assert.Equal(["/mnt/x"], status.Mounts);
        Assert.Equal(new RegistryReport("MLFLOW", "mlflow at x", false, 3.5, "down"), Assert.Single(status.Registries));
        Assert.Equal((6L, 7L), (status.Cache.OriginBytes, status.Cache.ServedBytes));
    }

    [Fact]
    public async Task Status_says_of_a_mount_who_reads_its_complete_files_and_why()
    {
        await using var daemon = await StartAsync(new ScriptedStore());
        var status = await daemon.GetStatusAsync(CancellationToken.None);
        Assert.True(status.Daemon!.Passthrough);
        Assert.Contains("mount       /mnt/x: the kernel reads complete files itself\n", StatusCommand.Text(status), StringComparison.Ordinal);

        // It may turn out later, when the kernel refuses the first file.
        obstacle = "the daemon lacks CAP_SYS_ADMIN";
        status = await daemon.GetStatusAsync(CancellationToken.None);
        Assert.False(status.Daemon!.Passthrough);
        Assert.Contains("mount       /mnt/x: complete files are served by the daemon: the daemon lacks CAP_SYS_ADMIN\n", StatusCommand.Text(status), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Status_says_what_is_still_to_be_verified_after_a_kill()
    {
        await using var daemon = await StartAsync(new ScriptedStore());
        var status = await daemon.GetStatusAsync(CancellationToken.None);
        Assert.DoesNotContain("verifying", StatusCommand.Text(status), StringComparison.Ordinal);
        status = status with { Cache = status.Cache with { UnverifiedObjects = 2, UnverifiedBytes = 3L << 30 } };
        Assert.Contains("verifying   2 complete objects, 3.00 GiB, are read again after a kill\n", StatusCommand.Text(status), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_path_arrives_as_it_was_written()
    {
        var store = new ScriptedStore { Entries = { new EntryReport("M", EntryKind.Directory, null, null, null) } };
        await using var daemon = await StartAsync(store);
        foreach (var path in new[] { "M/x?y=1&z#/ü+ %2F", "models:/iris@champion", "", "M/../.." })
            await daemon.ResolveAsync(path, CancellationToken.None);
        Assert.Equal(["M/x?y=1&z#/ü+ %2F", "models:/iris@champion", "", "M/../.."], store.Asked);
    }

    [Fact]
    public async Task A_path_that_leads_nowhere_gives_its_one_line()
    {
        await using var daemon = await StartAsync(new ScriptedStore { Failure = "no model 'x' in MLFLOW; there is iris" });
        var error = await Assert.ThrowsAsync<CommandException>(() => daemon.ResolveAsync("x", CancellationToken.None));
        Assert.Equal("no model 'x' in MLFLOW; there is iris", error.Message);
    }

    [Fact]
    public async Task A_listing_that_breaks_off_gives_what_there_was_and_then_the_reason()
    {
        var (directory, link) = (new EntryReport("a", EntryKind.Directory, null, null, null), new EntryReport("b", EntryKind.Link, null, null, "a"));
        await using var daemon = await StartAsync(new ScriptedStore { Entries = { directory, link }, Failure = "the registry went away" });
        var names = new List<string>();
        var error = await Assert.ThrowsAsync<CommandException>(async () =>
        {
            await foreach (var entry in daemon.ListAsync("", CancellationToken.None))
                names.Add(entry.Name);
        });
        Assert.Equal(["a", "b"], names);
        Assert.Equal("the registry went away", error.Message);
    }

    [Fact]
    public async Task Content_arrives_whole()
    {
        var content = new byte[3_000_001];
        new Random(7).NextBytes(content);
        await using var daemon = await StartAsync(new ScriptedStore { Content = content });
        var received = new MemoryStream();
        await daemon.CopyAsync("a", c => received.WriteAsync(c), CancellationToken.None);
        Assert.True(received.ToArray().AsSpan().SequenceEqual(content));
    }

    [Fact]
    public async Task Content_that_breaks_off_is_no_success()
    {
        await using var daemon = await StartAsync(new ScriptedStore { Content = [1, 2, 3], Failure = "origin gone: EIO; ü" });
        var received = new MemoryStream();
        var error = await Assert.ThrowsAsync<CommandException>(() => daemon.CopyAsync("a", c => received.WriteAsync(c), CancellationToken.None));
        Assert.Equal("origin gone: EIO; ü", error.Message);
        Assert.Equal([1, 2, 3], received.ToArray());
    }

    [Fact]
    public async Task Prefetch_reports_as_it_goes()
    {
        PrefetchReport[] reports =
        [
            new(0, 2, 0, 5, 10) { Running = [new("a", 5, 6)] }, new(1, 2, 0, 6, 10) { Finished = [new("a")] }, new(2, 2, 1, 6, 10) { Finished = [new("b", "EIO")] },
        ];
        var store = new ScriptedStore();
        store.Prefetch.AddRange(reports);
        await using var daemon = await StartAsync(store);
        var received = new List<PrefetchReport>();
        await foreach (var report in daemon.PrefetchAsync(new PrefetchRequest(["a", "b"], new PrefetchOptions(["*.bin"], 2, 1 << 20)), CancellationToken.None))
            received.Add(report);
        Assert.Equivalent(reports, received, strict: true);
        Assert.Equal(["a", "b"], store.Asked);
        Assert.Equal((2, 1 << 20, "*.bin"), (store.Options!.Jobs, store.Options.LimitRate, Assert.Single(store.Options.Include)));
    }

    [Fact]
    public async Task A_prefetch_that_looks_for_long_before_it_reports_has_answered_all_the_same()
    {
        var held = new TaskCompletionSource();
        await using var daemon = await StartAsync(new ScriptedStore { Held = held.Task });
        using var http = new HttpClient(new SocketsHttpHandler
        {
            ConnectCallback = async (_, cancellation) =>
            {
                var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(daemon.Socket), cancellation);
                return new NetworkStream(socket, ownsSocket: true);
            },
        });
        var content = JsonContent.Create(new PrefetchRequest(["a"], PrefetchOptions.Default), ReportJson.Default.PrefetchRequest);
        using var request = new HttpRequestMessage(HttpMethod.Post, "http://modelfs/prefetch") { Content = content };
        using var answer = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead).WaitAsync(TimeSpan.FromSeconds(60));
        Assert.True(answer.IsSuccessStatusCode);
        held.SetResult();
        Assert.Equal("", await answer.Content.ReadAsStringAsync().WaitAsync(TimeSpan.FromSeconds(60)));
    }

    [Fact]
    public async Task Nobody_but_the_owner_may_connect()
    {
        await using var daemon = await StartAsync(new ScriptedStore());
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(daemon.Socket));
    }

    [Fact]
    public async Task Asked_to_stop_the_host_ends()
    {
        await using var daemon = await StartAsync(new ScriptedStore());
        var ended = app!.WaitForShutdownAsync();
        await daemon.StopAsync(CancellationToken.None);
        await ended.WaitAsync(TimeSpan.FromSeconds(30));
        Assert.Null(await DaemonStore.ConnectAsync(daemon.Socket, CancellationToken.None));
    }

    [Fact]
    public async Task A_dead_daemons_socket_is_taken_over()
    {
        Directory.CreateDirectory(scratch["cache"]);
        using (var dead = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified))
        {
            var path = ControlSocket.PathFor(Options("cache"));
            dead.Bind(new UnixDomainSocketEndPoint(path + ".bound"));
            File.Move(path + ".bound", path);
        }

        Assert.Null(await DaemonStore.ConnectAsync(ControlSocket.Find(scratch["cache"]), CancellationToken.None));
        await using var daemon = await StartAsync(new ScriptedStore());
        Assert.Equal("1.2.3", (await daemon.GetStatusAsync(CancellationToken.None)).Version);
    }

    [Fact]
    public async Task A_cache_with_a_long_path_is_found_all_the_same()
    {
        var cache = Path.Combine("cache", new string('x', 60), new string('y', 60));
        await using var daemon = await StartAsync(new ScriptedStore(), cache);
        Assert.True(daemon.Socket.Length <= 107, daemon.Socket);
        Assert.Equal("1.2.3", (await daemon.GetStatusAsync(CancellationToken.None)).Version);
        ControlSocket.Remove(Options(cache), MountPoint);
        Assert.False(File.Exists(daemon.Socket));
    }

    [Fact]
    public async Task Word_of_a_daemon_whose_socket_is_gone_is_swept_away_by_the_next()
    {
        var gone = Options("gone");
        using (ControlSocket.Bind(gone, scratch["gone-mnt"]))
            File.Delete(ControlSocket.PathFor(gone));
        Assert.NotNull(ControlSocket.FindByMount(scratch["gone-mnt"]));
        await using var daemon = await StartAsync(new ScriptedStore());
        Assert.Null(ControlSocket.FindByMount(scratch["gone-mnt"]));
        Assert.Equal(daemon.Socket, ControlSocket.FindByMount(MountPoint));
    }

    [Fact]
    public async Task A_daemon_whose_index_lies_elsewhere_is_found_by_its_cache_and_by_its_mount()
    {
        var options = Options("cache") with { Index = scratch["elsewhere", "index"] };
        await using var daemon = await StartAsync(new ScriptedStore(), options);
        Assert.Equal(scratch["elsewhere", "index", "modelfs.sock"], daemon.Socket);
        Assert.Equal(daemon.Socket, ControlSocket.FindByMount(MountPoint));
        ControlSocket.Remove(options, MountPoint);
        Assert.Null(ControlSocket.FindByMount(MountPoint));
        Assert.Equal(scratch["cache", "modelfs.sock"], ControlSocket.Find(options.Cache));
    }

    [Fact]
    public async Task A_daemon_that_is_long_at_an_answer_is_waited_for_while_it_says_who_it_is()
    {
        var held = new TaskCompletionSource();
        var entry = new EntryReport("M", EntryKind.Directory, null, null, null);
        await using var connected = await StartAsync(new ScriptedStore { Held = held.Task, Entries = { entry } });
        await using var daemon = new DaemonStore(connected.Socket) { AskEvery = TimeSpan.FromMilliseconds(1) };
        var answer = daemon.ResolveAsync("M", CancellationToken.None);
        await ModelFsProcess.WaitForAsync(() => Volatile.Read(ref described) >= 3, "being asked who it is");
        Assert.False(answer.IsCompleted);
        held.SetResult();
        Assert.Equal(entry, await answer.WaitAsync(TimeSpan.FromSeconds(60)));
    }

    [Fact]
    public async Task A_daemon_that_says_nothing_at_all_is_given_up()
    {
        using var silent = ControlSocket.Bind(Options("cache"), MountPoint);
        silent.Listen(8);
        await using var daemon = new DaemonStore(ControlSocket.PathFor(Options("cache"))) { AskEvery = TimeSpan.FromMilliseconds(1), AliveTimeout = TimeSpan.FromMilliseconds(50) };
        var error = await Assert.ThrowsAsync<CommandException>(() => daemon.ResolveAsync("M", CancellationToken.None).WaitAsync(TimeSpan.FromSeconds(60)));
        Assert.Contains("has said nothing", error.Message, StringComparison.Ordinal);
    }

    /// <summary>A name of this test's own, since the pointer to its socket lies where all tests share a directory.</summary>
    private string MountPoint => scratch["mnt"];

    private ModelFsOptions Options(string cache) => new() { Cache = scratch[cache] };

    private Task<DaemonStore> StartAsync(IStore store, string cache = "cache") => StartAsync(store, Options(cache));

    private async Task<DaemonStore> StartAsync(IStore store, ModelFsOptions options)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        ControlServer.Listen(builder.WebHost, () => ControlSocket.Bind(options, MountPoint));
        app = builder.Build();
        ControlServer.Map(app, store, () =>
        {
            Interlocked.Increment(ref described);
            return new DaemonReport(Environment.ProcessId, DateTimeOffset.UnixEpoch, "/mnt/x", obstacle);
        });
        await app.StartAsync();
        return await DaemonStore.ConnectAsync(ControlSocket.Find(options.Cache), CancellationToken.None)
            ?? throw new InvalidOperationException("nobody listens");
    }
}
