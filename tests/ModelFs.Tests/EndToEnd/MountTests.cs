using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using ModelFs.Fuse;
using ModelFs.Testing;
using ModelFs.Tests.Harness;

namespace ModelFs.Tests.EndToEnd;

/// <summary>The built program, mounted for real.</summary>
[Collection("mounts")]
public sealed class MountTests : OriginTests
{
    private string MountPoint => scratch["mnt"];

    [Fact]
    public async Task A_file_is_read_through_the_mount_and_SIGTERM_leaves_nothing_behind()
    {
        await using var mount = await MountAsync();
        Assert.Equal(origin.Content("1", "weights.bin"), await ReadAsync("MLFLOW/tiny-bert/champion/weights.bin"));
        Assert.Equal("1", await ModelFsProcess.InTimeAsync(() => new DirectoryInfo(Path.Combine(MountPoint, "MLFLOW/tiny-bert/champion")).LinkTarget));
        Assert.Equal(0, await mount.TerminateAsync());
        Assert.Empty(scratch.Mounts());
        Assert.False(File.Exists(scratch["cache", "modelfs.sock"]));
    }

    [Fact]
    public async Task A_restarted_mount_reads_what_it_had_without_the_origin()
    {
        await using (var first = await MountAsync())
        {
            await ReadAsync("MLFLOW/tiny-bert/1/weights.bin");
            Assert.Equal(0, await first.TerminateAsync());
        }

        await origin.Server.DisposeAsync();
        await using var second = await MountAsync();
        Assert.Equal(origin.Content("1", "weights.bin"), await ReadAsync("MLFLOW/tiny-bert/1/weights.bin"));
    }

    [Fact]
    public async Task A_daemon_goes_to_the_background_answers_and_ends_with_umount()
    {
        var started = await RunAsync("mount", MountPoint, "--daemon", "--registry", origin.Registry);
        Assert.Equal((0, ""), (started.ExitCode, started.Errors));
        Assert.True(ModelFsProcess.IsMounted(MountPoint));
        Assert.Equal(origin.Content("1", "config.json"), await ReadAsync("MLFLOW/tiny-bert/1/config.json"));
        var pid = Json(await RunAsync("status", "--json")).GetProperty("daemon").GetProperty("pid").GetInt32();
        using var daemon = Process.GetProcessById(pid);
        // Field 7 of stat is the controlling terminal, field 6 the session: it leads its own.
        var stat = (await File.ReadAllTextAsync($"/proc/{pid}/stat")).Split(") ")[1].Split(' ');
        Assert.Equal((pid.ToString(System.Globalization.CultureInfo.InvariantCulture), "0"), (stat[3], stat[4]));

        var unmounted = await RunAsync("umount", MountPoint);
        Assert.Equal((0, ""), (unmounted.ExitCode, unmounted.Errors));
        Assert.False(ModelFsProcess.IsMounted(MountPoint));
        Assert.True(daemon.HasExited);
        Assert.Contains("unmounted", await File.ReadAllTextAsync(scratch["cache", "modelfs.log"]), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_daemon_that_cannot_mount_says_why_to_whoever_started_it()
    {
        var file = scratch.Write("file", "");
        var result = await RunAsync("mount", file, "--daemon", "--registry", origin.Registry);
        Assert.Equal(1, result.ExitCode);
        var line = Assert.Single(result.Errors.TrimEnd().Split('\n'));
        Assert.StartsWith("modelfs: ", line, StringComparison.Ordinal);
        Assert.Contains(file, line, StringComparison.Ordinal);
        var wrong = await RunAsync("mount", MountPoint, "--daemon", "--registry", "MLFLOW=mlflow:gopher://x");
        Assert.Equal(2, wrong.ExitCode);
    }

    [Theory]
    [InlineData("place", "place", "lies in the cache")]
    [InlineData("place", "place/cache", "has the cache in it")]
    [InlineData("place/mnt", "place", "lies in the cache")]
    public async Task A_mount_point_in_its_cache_or_around_it_is_refused_before_anything_is_made(string mountPoint, string cache, string why)
    {
        foreach (string[] how in new[] { Array.Empty<string>(), ["--daemon"] })
        {
            var result = await ModelFsProcess.RunAsync(["mount", scratch[mountPoint], "--cache", scratch[cache], "--registry", origin.Registry, .. how]);
            Assert.Equal((2, $"modelfs: {scratch[mountPoint]} {why}: mount elsewhere, or give another cache with --cache DIR\n"), (result.ExitCode, result.Errors));
            Assert.False(Directory.Exists(scratch["place"]));
        }
    }

    [Fact]
    public async Task A_cache_that_is_a_file_is_named_with_what_to_do()
    {
        var file = scratch.Write("file", "");
        var result = await ModelFsProcess.RunAsync(["mount", MountPoint, "--cache", file, "--registry", origin.Registry, "--daemon"]);
        Assert.Equal(1, result.ExitCode);
        Assert.StartsWith($"modelfs: the log {file}/modelfs.log cannot be written: ", result.Errors, StringComparison.Ordinal);
        Assert.EndsWith("; it lies in the cache unless --log-file FILE says where\n", result.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_daemon_whose_registry_does_not_answer_mounts_and_tells_whoever_started_it()
    {
        var port = FreePort();
        var started = await RunAsync("mount", MountPoint, "--daemon", "--registry", origin.Registry, "--registry", $"GONE=mlflow:http://127.0.0.1:{port}");
        Assert.Equal(0, started.ExitCode);
        Assert.True(ModelFsProcess.IsMounted(MountPoint));
        Assert.Contains("modelfs: registry GONE does not answer yet: ", started.Errors, StringComparison.Ordinal);
        Assert.Equal(0, (await RunAsync("umount", MountPoint)).ExitCode);
    }

    [Fact]
    public async Task A_registry_at_a_wrong_path_of_its_server_is_told_so_in_one_line()
    {
        var started = await RunAsync("mount", MountPoint, "--daemon", "--registry", $"WRONG=mlflow:{origin.Server.Address}/base");
        Assert.Equal(0, started.ExitCode);
        Assert.Matches("^modelfs: registry WRONG cannot be used: .* answered 404, .*: no MLflow server has its base there; see to the path in uri; .*\n$", started.Errors);
        var status = await RunAsync("status");
        Assert.Matches("(?m)^registry    WRONG: .* answered 404, .*: no MLflow server has its base there; see to the path in uri", status.OutputText);
        await ModelFsProcess.WaitForAsync(() => File.ReadAllText(scratch["cache", "modelfs.log"]).Contains("registry WRONG cannot be used: ", StringComparison.Ordinal), "the line in the log");
        Assert.Equal(0, (await RunAsync("umount", MountPoint)).ExitCode);
    }

    [Theory]
    [InlineData("")]
    [InlineData("sqlite:///")]
    [InlineData("file://")]
    public async Task A_local_store_that_the_command_line_names_and_that_is_missing_is_said_at_once(string scheme)
    {
        var missing = scratch["none"];
        foreach (string[] how in new[] { Array.Empty<string>(), ["--daemon"] })
        {
            var result = await RunAsync(["mount", MountPoint, "--registry", $"LOCAL=mlflow:{scheme}{missing}", .. how]);
            Assert.Equal(
                (2, $"modelfs: --registry: registry LOCAL is to be {missing}, and there is no such file or directory; correct the path, or make the store first\n"),
                (result.ExitCode, result.Errors));
            Assert.False(ModelFsProcess.IsMounted(MountPoint));
        }
    }

    [Fact]
    public async Task A_local_store_that_a_file_names_may_come_after_the_mount()
    {
        var config = scratch.Write("config.yaml", $"registries:\n  LOCAL:\n    kind: mlflow\n    uri: {scratch["mlruns"]}\n");
        await using var mount = await ModelFsProcess.MountAsync(scratch, ["--config", config, "--alias-ttl", "500ms"]);
        await Assert.ThrowsAsync<IOException>(() => ListAsync("LOCAL"));
        FixtureFileStore.Create(scratch["mlruns"]);
        await ModelFsProcess.WaitForAsync(() => Succeeds(() => ListAsync("LOCAL").GetAwaiter().GetResult().SequenceEqual(["fsmodel"])), "the store to be seen");
    }

    [Fact]
    public async Task Status_names_a_mount_whose_daemon_was_killed()
    {
        await using var killed = await MountAsync();
        await killed.KillAsync();
        var status = await RunAsync("status");
        Assert.Equal(0, status.ExitCode);
        Assert.Contains($"mount       {MountPoint}: its daemon was killed; mount again, or modelfs umount {MountPoint}\n", status.OutputText, StringComparison.Ordinal);
        Assert.Contains(MountPoint, Json(await RunAsync("status", "--json")).GetProperty("deadMounts").EnumerateArray().Select(m => m.GetString()));
    }

    [Fact]
    public async Task A_second_daemon_on_one_cache_is_refused_with_the_reason()
    {
        await using var first = await MountAsync();
        Directory.CreateDirectory(scratch["other"]);
        var second = await RunAsync("mount", scratch["other"], "--registry", origin.Registry);
        Assert.Equal(1, second.ExitCode);
        Assert.Contains(first.Id.ToString(System.Globalization.CultureInfo.InvariantCulture), second.Errors, StringComparison.Ordinal);
        Assert.Contains($"modelfs umount {MountPoint} stops it", second.Errors, StringComparison.Ordinal);
        Assert.False(ModelFsProcess.IsMounted(scratch["other"]));
        Assert.Equal(origin.Content("1", "MLmodel"), await ReadAsync("MLFLOW/tiny-bert/1/MLmodel"));
    }

    [Fact]
    public async Task A_mount_that_is_refused_takes_no_word_away_of_the_one_that_is_served()
    {
        await using var first = await MountAsync();
        var second = await ModelFsProcess.RunAsync(["mount", MountPoint, "--cache", scratch["another"], "--registry", origin.Registry]);
        Assert.Equal(1, second.ExitCode);
        Assert.Contains("mounted already", second.Errors, StringComparison.Ordinal);

        var elsewhere = new Dictionary<string, string> { ["MODELFS_CACHE"] = scratch["nowhere"] };
        var resolved = await ModelFsProcess.RunAsync(["resolve", Path.Combine(MountPoint, "MLFLOW/tiny-bert/champion")], elsewhere);
        Assert.Equal((0, "MLFLOW/tiny-bert/1\n"), (resolved.ExitCode, resolved.OutputText));
    }

    [Fact]
    public async Task A_registry_that_is_down_at_start_heals()
    {
        await origin.DisposeAsync();
        var port = FreePort();
        await using var mount = await ModelFsProcess.MountAsync(scratch, ["--registry", $"MLFLOW=mlflow:http://127.0.0.1:{port}", "--alias-ttl", "500ms"]);
        await Assert.ThrowsAsync<IOException>(() => ListAsync("MLFLOW"));
        await using var late = await ModelFs.Demo.DemoServer.StartAsync(origin.Store, port, CancellationToken.None);
        await ModelFsProcess.WaitForAsync(() => Succeeds(() => ListAsync("MLFLOW").GetAwaiter().GetResult().SequenceEqual(["tiny-bert"])), "the registry to heal");
        Assert.Equal(origin.Content("1", "MLmodel"), await ReadAsync("MLFLOW/tiny-bert/champion/MLmodel"));
    }

    [Fact]
    public async Task Unmounted_from_outside_the_process_ends_cleanly()
    {
        await using var mount = await MountAsync();
        Assert.Equal(1, MountTable.DetachAll(MountPoint, "fuse.modelfs"));
        Assert.Equal(0, await mount.WaitForExitAsync());
        Assert.Contains("unmounted from outside", mount.Log, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_corpse_of_a_killed_daemon_is_unmounted_and_can_be_mounted_over()
    {
        await using (var killed = await MountAsync())
        {
            await killed.KillAsync();
            Assert.True(ModelFsProcess.IsMounted(MountPoint));
            var unmounted = await RunAsync("umount", MountPoint);
            Assert.Equal((0, ""), (unmounted.ExitCode, unmounted.Errors));
            Assert.False(ModelFsProcess.IsMounted(MountPoint));
        }

        await using (var killed = await MountAsync())
        {
            await killed.KillAsync();
            await using var next = await MountAsync();
            Assert.Equal(origin.Content("2", "MLmodel"), await ReadAsync("MLFLOW/tiny-bert/2/MLmodel"));
            Assert.Equal(0, await next.TerminateAsync());
        }
    }

    [Fact]
    public async Task What_is_no_mount_is_not_unmounted()
    {
        var result = await RunAsync("umount", scratch.Path);
        Assert.Equal(1, result.ExitCode);
        Assert.StartsWith($"modelfs: {scratch.Path} is no mount of modelfs; ", result.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Status_says_what_is_mounted_what_answers_and_where_bytes_came_from()
    {
        await using var mount = await MountAsync("--registry", $"GONE=mlflow:http://127.0.0.1:{FreePort()}");
        await ReadAsync("MLFLOW/tiny-bert/1/weights.bin");
        var status = Json(await RunAsync("status", "--json"));
        Assert.Equal(mount.Id, status.GetProperty("daemon").GetProperty("pid").GetInt32());
        Assert.Equal(MountPoint, Assert.Single(status.GetProperty("mounts").EnumerateArray()).GetString());
        var registries = status.GetProperty("registries").EnumerateArray()
            .ToDictionary(r => r.GetProperty("name").GetString()!, r => r.GetProperty("answers").GetBoolean());
        Assert.Equal(new Dictionary<string, bool> { ["MLFLOW"] = true, ["GONE"] = false }, registries);
        var cache = status.GetProperty("cache");
        Assert.InRange(cache.GetProperty("originBytes").GetInt64(), Origin.WeightsSize, Origin.WeightsSize + (1 << 20));
        Assert.InRange(cache.GetProperty("servedBytes").GetInt64(), Origin.WeightsSize, long.MaxValue);

        var text = (await RunAsync("status")).OutputText;
        var how = status.GetProperty("daemon").GetProperty("passthrough").GetBoolean() ? "the kernel reads complete files itself" : "complete files are served by the daemon: ";
        Assert.Contains($"mount       {MountPoint}: {how}", text, StringComparison.Ordinal);
        Assert.Contains("registry    GONE: ", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_log_is_one_JSON_object_a_line_where_there_is_no_terminal()
    {
        await using var mount = await MountAsync();
        Assert.Equal(0, await mount.TerminateAsync());
        var lines = mount.Log.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.NotEmpty(lines);
        Assert.All(lines, l => JsonDocument.Parse(l).Dispose());
        Assert.Contains(lines, l => l.Contains("serving ", StringComparison.Ordinal));
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private static bool Succeeds(Func<bool> attempt)
    {
        try
        {
            return attempt();
        }
        catch (IOException)
        {
            return false;
        }
    }

    private static JsonElement Json(RunResult result)
    {
        Assert.Equal((0, ""), (result.ExitCode, result.Errors));
        return JsonDocument.Parse(result.Output).RootElement;
    }

    private Task<ModelFsProcess> MountAsync(params string[] arguments) =>
        ModelFsProcess.MountAsync(scratch, ["--registry", origin.Registry, .. arguments]);

    private Task<RunResult> RunAsync(params string[] arguments) =>
        ModelFsProcess.RunAsync(arguments, new Dictionary<string, string> { ["MODELFS_CACHE"] = scratch["cache"] });

    private Task<byte[]> ReadAsync(string path) => ModelFsProcess.InTimeAsync(() => File.ReadAllBytes(Path.Combine(MountPoint, path)));

    private Task<List<string>> ListAsync(string path) =>
        ModelFsProcess.InTimeAsync(() => new DirectoryInfo(Path.Combine(MountPoint, path)).EnumerateFileSystemInfos().Select(e => e.Name).ToList());
}
