using System.Text.Json;
using ModelFs.Configuration;
using ModelFs.Doctor;
using ModelFs.Fuse;
using ModelFs.Registries;
using ModelFs.Testing.Http;
using ModelFs.Tests.Harness;

namespace ModelFs.Tests.Doctor;

public sealed class DoctorTests : IDisposable
{
    private readonly Scratch scratch = new();

    private ModelFsOptions Options => new() { Cache = scratch["cache"], MinFree = 0, CacheSize = 64 << 20 };

    public void Dispose() => scratch.Dispose();

    [Fact]
    public void A_machine_without_FUSE_is_told_so()
    {
        Assert.Equal(Verdict.Fail, Kernel(isRoot: true, "/dev/fuse").Verdict);
        Assert.Contains("modprobe fuse", Kernel(isRoot: true, "/dev/fuse").Do!, StringComparison.Ordinal);
        scratch.Write("dev/fuse", "");
        Assert.Equal(Verdict.Ok, Kernel(isRoot: true, "/dev/fuse").Verdict);
    }

    [Fact]
    public void Only_who_is_not_root_needs_fusermount3()
    {
        Assert.Equal(Verdict.Ok, Kernel(isRoot: true, "fusermount3").Verdict);
        Assert.Equal(Verdict.Fail, Kernel(isRoot: false, "fusermount3").Verdict);
        scratch.Write("usr/bin/fusermount3", "");
        Assert.Equal(Verdict.Ok, Kernel(isRoot: false, "fusermount3").Verdict);
    }

    [Theory]
    [InlineData("6.8.0-generic", "000001ffffffffff", Verdict.Warn)]
    [InlineData("6.18.5", "000001ffffffffff", Verdict.Ok)]
    [InlineData("6.18.5", "0000000000000000", Verdict.Warn)]
    [InlineData("strange", "000001ffffffffff", Verdict.Warn)]
    public void A_kernel_is_judged_by_passthrough_and_resend(string release, string capabilities, object verdict)
    {
        scratch.Write("proc/sys/kernel/osrelease", release + "\n");
        scratch.Write("proc/self/status", $"Name:\tx\nCapEff:\t{capabilities}\n");
        Assert.Equal(verdict, Kernel(isRoot: true, "kernel").Verdict);
    }

    [Fact]
    public void Letting_others_in_needs_a_line_in_fuse_conf()
    {
        Assert.Equal(Verdict.Fail, Kernel(isRoot: false, "allowOther").Verdict);
        scratch.Write("etc/fuse.conf", "# user_allow_other\nuser_allow_other\n");
        Assert.Equal(Verdict.Ok, Kernel(isRoot: false, "allowOther").Verdict);
    }

    [Theory]
    [InlineData("xfs", Verdict.Ok)]
    [InlineData("overlay", Verdict.Warn)]
    [InlineData("nfs4", Verdict.Warn)]
    [InlineData("fuse.sshfs", Verdict.Warn)]
    [InlineData("fuse.modelfs", Verdict.Fail)]
    public async Task What_the_cache_lies_on_is_named(string type, object verdict)
    {
        MountEntry[] mounts = [new(1, 0, "0:1", "/", "ext4", "x"), new(2, 1, "0:2", scratch.Path, type, "x")];
        var finding = (await CacheChecks.RunAsync(Options, mounts, CancellationToken.None)).Single(f => f.Check == "cache filesystem");
        Assert.Equal(verdict, finding.Verdict);
        Assert.Contains(type == "fuse.modelfs" ? "modelfs" : type, finding.Found, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(-600, "behind ours")]
    [InlineData(3600, "ahead of ours")]
    [InlineData(0, null)]
    public async Task A_servers_clock_that_is_off_is_said_by_the_answer_that_the_registry_gives_anyway(int seconds, string? found)
    {
        await using var server = new MisbehavingServer();
        server.On("/", exchange => exchange.RespondAsync(200, "{}", "application/json", ("Date", (DateTimeOffset.UtcNow + TimeSpan.FromSeconds(seconds)).ToString("R"))));
        var registry = new RegistryOptions { Name = "M", Kind = "mlflow", Uri = server.Uri.AbsoluteUri };
        var findings = await RegistryChecks.RunAsync(Options with { Registries = [registry] }, CancellationToken.None);
        Assert.Equal(Verdict.Ok, findings[0].Verdict);
        var clock = findings.Skip(1).SingleOrDefault();
        Assert.Equal(found is null ? null : "clock M", clock?.Check);
        Assert.EndsWith(found ?? "", clock?.Found ?? "", StringComparison.Ordinal);
        Assert.Single(server.Requests);
    }

    [Fact]
    public async Task A_disk_that_is_full_or_ends_before_the_limit_is_said()
    {
        Assert.Equal(Verdict.Fail, (await CacheAsync(Options with { MinFree = 1L << 60 })).Verdict);
        Assert.Equal(Verdict.Warn, (await CacheAsync(Options with { CacheSize = 1L << 60 })).Verdict);

        async Task<Finding> CacheAsync(ModelFsOptions options) =>
            (await CacheChecks.RunAsync(options, [], CancellationToken.None)).Single(f => f.Check == "space");
    }

    [Fact]
    public async Task A_cache_that_others_may_read_is_said()
    {
        Directory.CreateDirectory(scratch["cache"]);
        File.SetUnixFileMode(scratch["cache"], (UnixFileMode)0b111_101_101);
        var finding = (await CacheChecks.RunAsync(Options, [], CancellationToken.None)).First();
        Assert.Equal((Verdict.Warn, $"chmod 700 {scratch["cache"]}"), (finding.Verdict, finding.Do));
    }

    [Theory]
    [InlineData("empty", Verdict.Ok)]
    [InlineData("new", Verdict.Ok)]
    [InlineData("full", Verdict.Fail)]
    [InlineData("full/file", Verdict.Fail)]
    [InlineData("no/parent", Verdict.Fail)]
    [InlineData("cache/mnt", Verdict.Fail)]
    public async Task A_mount_point_is_looked_at(string name, object verdict)
    {
        Directory.CreateDirectory(scratch["empty"]);
        scratch.Write("full/file", "");
        var finding = (await MountChecks.RunAsync(Options, scratch[name], CancellationToken.None)).Single(f => f.Check == "mount point");
        Assert.Equal(verdict, finding.Verdict);
    }

    [Fact]
    public void Variables_that_are_nearly_settings_are_said_with_the_one_that_was_meant()
    {
        var environment = new Dictionary<string, string>
        {
            ["MODELFS_CACHESIZE"] = "1", ["MODELFS_PORT"] = "tcp://10.0.0.1:80", ["MODELFS_REGISTRY_SERVICE_HOST"] = "10.0.0.1", ["MODELFS_FROBNICATE"] = "1",
            ["MLFLOW_TRACKING_URL"] = "http://x", ["MLFLOW_TRACKING_URI"] = "http://x", ["MLFLOW_EXPERIMENT_NAME"] = "x", ["MODELFS_CACHE"] = "/c",
            ["MODELFS_REGISTRY_X"] = "mlflow:http://x", ["MODELFS_CONFIG"] = "x",
        };
        var findings = VariableChecks.Run(new ConfigurationInput(environment, "/")).ToDictionary(f => f.Check);
        Assert.Equal(
            ["MLFLOW_TRACKING_URL", "MODELFS_CACHESIZE", "MODELFS_FROBNICATE", "MODELFS_PORT", "MODELFS_REGISTRY_SERVICE_HOST"],
            findings.Keys.Order(StringComparer.Ordinal));
        Assert.Equal("MLFLOW_TRACKING_URI is one", findings["MLFLOW_TRACKING_URL"].Do);
        Assert.Equal("MODELFS_CACHE_SIZE is one", findings["MODELFS_CACHESIZE"].Do);
        Assert.Contains("enableServiceLinks", findings["MODELFS_PORT"].Do!, StringComparison.Ordinal);
        Assert.Contains("enableServiceLinks", findings["MODELFS_REGISTRY_SERVICE_HOST"].Do!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_registry_that_answers_passes_and_one_that_does_not_fails_the_verb()
    {
        await using var origin = await Origin.StartAsync(scratch);
        var result = await ModelFsProcess.RunAsync(
            ["doctor", "--json", "--cache", scratch["cache"], "--registry", origin.Registry, "--registry", "GONE=mlflow:http://ada:s3cret@127.0.0.1:9"]);
        Assert.Equal(1, result.ExitCode);
        Assert.DoesNotContain("s3cret", result.OutputText + result.Errors, StringComparison.Ordinal);
        var verdicts = JsonDocument.Parse(result.OutputText).RootElement.EnumerateArray()
            .ToDictionary(f => f.GetProperty("check").GetString()!, f => f.GetProperty("verdict").GetString());
        Assert.Equal(("Ok", "Fail"), (verdicts["registry MLFLOW"], verdicts["registry GONE"]));
    }

    private Finding Kernel(bool isRoot, string check) =>
        new KernelChecks(scratch.Path, isRoot).Run(Options with { AllowOther = true }).Single(f => f.Check == check);
}
