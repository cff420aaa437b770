using System.Net;
using System.Text.RegularExpressions;
using ModelFs.Tests.Harness;

namespace ModelFs.Tests.Monitoring;

/// <summary>The port for probes and metrics of the built program, on a real mount.</summary>
[Collection("mounts")]
public sealed partial class MonitorTests : OriginTests, IDisposable
{
    private readonly HttpClient http = new() { Timeout = TimeSpan.FromSeconds(30) };

    public void Dispose() => http.Dispose();

    [Fact]
    public async Task What_is_read_is_counted_and_written_as_Prometheus_reads_it()
    {
        await using var mount = await MountAsync();
        var size = (double)Origin.WeightsSize;
        await ReadAsync("1/weights.bin");
        await UntilAsync(mount, "ready", 200, "ok");

        var text = Exposition.Parse(await http.GetStringAsync(new Uri(Address(mount), "metrics")));
        // At least: the kernel may drop a page and read it again, and a request that stalls is made again.
        Assert.True(text.Value("modelfs_cache_served_bytes_total", ("registry", "MLFLOW")) >= size);
        Assert.True(text.Value("modelfs_cache_origin_bytes_total") >= size);
        Assert.True(text.Value("modelfs_registry_bytes_total", ("registry", "MLFLOW")) >= size);
        Assert.True(text.Value("modelfs_registry_requests_total", ("registry", "MLFLOW")) > 0);
        Assert.True(text.Value("modelfs_cache_misses_total", ("registry", "MLFLOW")) > 0);
        Assert.Equal(text.Value("modelfs_cache_reads_total"), text.Value("modelfs_cache_hits_total") + text.Value("modelfs_cache_misses_total"));
        Assert.True(text.Value("modelfs_fuse_request_duration_seconds_count", ("operation", "read")) > 0);
        Assert.True(text.Value("modelfs_fuse_request_duration_seconds_count", ("operation", "lookup")) > 0);
        Assert.True(text.Value("modelfs_opens_total", ("mode", "served")) + text.Value("modelfs_opens_total", ("mode", "passthrough")) > 0);
        Assert.True(text.Value("modelfs_cache_used_bytes") >= size);
        Assert.Equal(100.0 * (1L << 30), text.Value("modelfs_cache_limit_bytes"));
        Assert.Equal((1.0, 0.0), (text.Value("modelfs_registry_up", ("registry", "MLFLOW")), text.Value("modelfs_cache_fault")));
        Assert.Equal(0, text.Value("modelfs_cache_unverified_bytes"));
        Assert.True(text.Value("modelfs_registry_age_seconds", ("registry", "MLFLOW")) >= 0);
        Assert.True(text.Value("process_resident_memory_bytes") > 1 << 20);
        Assert.Equal(1, text.Value("modelfs_build_info"));
    }

    [Fact]
    public async Task A_registry_that_is_down_shows_in_the_metrics_and_in_no_probe()
    {
        await using var mount = await MountAsync("--alias-ttl", "100ms");
        await origin.DisposeAsync();
        await ModelFsProcess.InTimeAsync(() => Directory.Exists(Path.Combine(mount.MountPoint, "MLFLOW/nobody")));

        Assert.Equal(0, Exposition.Parse(await http.GetStringAsync(new Uri(Address(mount), "metrics"))).Value("modelfs_registry_up"));
        foreach (var probe in new[] { "started", "ready", "live" })
            await UntilAsync(mount, probe, 200, "ok");
    }

    [Fact]
    public async Task A_mount_that_was_detached_is_not_ready_and_yet_live()
    {
        await using var mount = await MountAsync();
        // Whoever has the file open keeps the connection, and so the daemon, when the mount is taken away.
        var held = await ModelFsProcess.InTimeAsync(() => File.OpenRead(Path.Combine(mount.MountPoint, "MLFLOW/tiny-bert/1/MLmodel")));
        try
        {
            Assert.Equal(0, (await Shell.RunAsync($"umount -l {mount.MountPoint}")).ExitCode);
            await UntilAsync(mount, "ready", 503, $"{mount.MountPoint} is not mounted any more");
            await UntilAsync(mount, "live", 200, "ok");
        }
        finally
        {
            await ModelFsProcess.InTimeAsync(() => { held.Dispose(); return 0; });
        }
    }

    [Fact]
    public async Task A_daemon_that_is_killed_takes_its_probe_along()
    {
        await using var mount = await MountAsync();
        await UntilAsync(mount, "live", 200, "ok");
        Assert.NotEmpty(Probes());
        await mount.KillAsync();
        await ModelFsProcess.WaitForAsync(() => Probes().Count == 0, "the probe to end");

        List<string> Probes() => [.. Directory.EnumerateDirectories("/proc").Where(p => char.IsAsciiDigit(Path.GetFileName(p)[0]) && CommandLine(p).EndsWith($"\0probe\0{mount.MountPoint}\0", StringComparison.Ordinal))];
    }

    [Fact]
    public async Task Before_the_mount_a_daemon_is_neither_started_nor_ready_and_yet_live()
    {
        using var health = new ModelFs.Monitoring.Health();
        Assert.NotNull(health.WhyNotStarted());
        Assert.NotNull(await health.WhyNotReadyAsync());
        Assert.Null(await health.WhyNotLiveAsync());
    }

    [Fact]
    public async Task Who_reaches_the_port_can_look_and_change_nothing()
    {
        await using var mount = await MountAsync();
        Assert.Equal(404, await StatusAsync(mount, "stop"));
        Assert.Equal(404, await StatusAsync(mount, "status"));
        using var content = new StringContent("");
        using var posted = await http.PostAsync(new Uri(Address(mount), "stop"), content);
        Assert.Equal(HttpStatusCode.MethodNotAllowed, posted.StatusCode);
        Assert.True(ModelFsProcess.IsMounted(mount.MountPoint));
    }

    [Fact]
    public async Task A_port_that_is_taken_is_said_in_one_line_and_nothing_is_mounted()
    {
        using var taken = new System.Net.Sockets.TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        Directory.CreateDirectory(scratch["mnt"]);
        var result = await ModelFsProcess.RunAsync(["mount", scratch["mnt"], "--cache", scratch["cache"], "--registry", origin.Registry, "--metrics", $"{taken.LocalEndpoint}"]);
        Assert.Equal(1, result.ExitCode);
        Assert.StartsWith($"modelfs: metrics: {taken.LocalEndpoint} ", result.Errors.TrimEnd().Split('\n')[^1], StringComparison.Ordinal);
        Assert.False(ModelFsProcess.IsMounted(scratch["mnt"]));
    }

    private async Task<ModelFsProcess> MountAsync(params string[] arguments)
    {
        var mount = await ModelFsProcess.MountAsync(scratch, ["--registry", origin.Registry, "--metrics", "127.0.0.1:0", .. arguments]);
        await ModelFsProcess.WaitForAsync(() => AddressLine().IsMatch(mount.Log), "the port in the log");
        return mount;
    }

    /// <summary>On a machine that is busy an answer of the mount may take longer than a probe waits.</summary>
    private Task UntilAsync(ModelFsProcess mount, string probe, int status, string text) => ModelFsProcess.WaitForAsync(
        () =>
        {
            using var response = http.GetAsync(new Uri(Address(mount), "healthz/" + probe)).GetAwaiter().GetResult();
            return (int)response.StatusCode == status && response.Content.ReadAsStringAsync().GetAwaiter().GetResult() == text + "\n";
        },
        $"{probe} to say {text}");

    private async Task<int> StatusAsync(ModelFsProcess mount, string path)
    {
        using var response = await http.GetAsync(new Uri(Address(mount), path));
        return (int)response.StatusCode;
    }

    private static string CommandLine(string process)
    {
        try
        {
            return File.ReadAllText(Path.Combine(process, "cmdline"));
        }
        catch (IOException)
        {
            // It has ended meanwhile.
            return "";
        }
    }

    private static Uri Address(ModelFsProcess mount) => new(AddressLine().Match(mount.Log).Groups[1].Value + "/");

    private Task<byte[]> ReadAsync(string file) => ModelFsProcess.InTimeAsync(() => File.ReadAllBytes(scratch["mnt", "MLFLOW", "tiny-bert", file]));

    [GeneratedRegex(@"health and metrics on \W*(http://127\.0\.0\.1:\d+)")]
    private static partial Regex AddressLine();
}
