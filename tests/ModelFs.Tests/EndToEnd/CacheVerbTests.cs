using System.Text.Json;
using ModelFs.Tests.Harness;

namespace ModelFs.Tests.EndToEnd;

/// <summary><c>modelfs cache</c> and <c>modelfs stat</c>, each with a daemon and without.</summary>
[Collection("mounts")]
public sealed class CacheVerbTests : OriginTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_lies_in_the_cache_is_shown_by_model_version_and_file(bool daemon)
    {
        await using var mount = daemon ? await MountAsync() : null;
        await OutputAsync("prefetch", "MLFLOW/tiny-bert/champion");
        await OutputAsync("prefetch", "MLFLOW/tiny-bert/2/MLmodel");

        Assert.Contains("  MLFLOW/tiny-bert  complete", Assert.Single(await LinesAsync("cache", "ls")), StringComparison.Ordinal);
        var versions = await LinesAsync("cache", "ls", "MLFLOW/tiny-bert");
        Assert.Equal(2, versions.Length);
        Assert.Matches(@"^ +4\.\d+ MiB    4 files ", versions[0]);
        Assert.Contains("  MLFLOW/tiny-bert/1  complete", versions[0], StringComparison.Ordinal);
        Assert.Contains("  MLFLOW/tiny-bert/2  complete", versions[1], StringComparison.Ordinal);
        Assert.Contains("  MLFLOW/tiny-bert/1/weights.bin  ", Assert.Single(await LinesAsync("cache", "ls", "models:/tiny-bert@champion", "--top", "1")), StringComparison.Ordinal);
        Assert.Equal(5, (await LinesAsync("cache", "ls", "--files", "--sort", "name")).Length);
        using var listed = JsonDocument.Parse(await OutputAsync("cache", "ls", "--files", "--sort", "age", "--json"));
        Assert.Equal(5, listed.RootElement.GetArrayLength());

        using var info = JsonDocument.Parse(await OutputAsync("cache", "info", "--json"));
        Assert.Equal(5, info.RootElement.GetProperty("cache").GetProperty("objects").GetInt32());
        Assert.Equal("mlflow", info.RootElement.GetProperty("kinds").GetProperty("MLFLOW").GetString());
        var share = info.RootElement.GetProperty("cache").GetProperty("owners")[0];
        Assert.Equal("MLFLOW", share.GetProperty("owner").GetString());
        Assert.InRange(share.GetProperty("originBytes").GetInt64(), Origin.WeightsSize, 2 * Origin.WeightsSize);
        var text = await OutputAsync("cache", "info");
        Assert.Contains("registry    MLFLOW (mlflow): ", text, StringComparison.Ordinal);
        Assert.Contains("in 5 files, 5 complete", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Doctor_and_env_know_of_a_mount_that_was_given_registries_of_its_own()
    {
        await using var mount = await MountAsync();
        string[] bare = ["--cache", scratch["cache"]];
        var doctor = await ModelFsProcess.RunAsync([.. bare.Prepend("doctor")], workingDirectory: scratch.Path);
        Assert.Contains("ok    registry MLFLOW: ", doctor.OutputText, StringComparison.Ordinal);
        Assert.DoesNotContain("none is configured", doctor.OutputText, StringComparison.Ordinal);
        var env = await ModelFsProcess.RunAsync([.. bare.Prepend("env")], workingDirectory: scratch.Path);
        Assert.Equal(2, env.ExitCode);
        Assert.Contains($"the mount at {mount.MountPoint} has MLFLOW from its own command line", env.Errors, StringComparison.Ordinal);
        // Nor does it leave out what only the mount has.
        var other = await ModelFsProcess.RunAsync([.. bare.Prepend("env"), "--registry", "OTHER=mlflow:http://127.0.0.1:5000"], workingDirectory: scratch.Path);
        Assert.Equal(2, other.ExitCode);
        Assert.Contains($"the mount at {mount.MountPoint} has MLFLOW from its own command line", other.Errors, StringComparison.Ordinal);
        var same = await ModelFsProcess.RunAsync([.. bare.Prepend("env"), "--registry", origin.Registry], workingDirectory: scratch.Path);
        Assert.Equal(0, same.ExitCode);

    }

    [Fact]
    public async Task A_registry_without_its_kind_is_told_how_it_is_written()
    {
        var result = await ModelFsProcess.RunAsync(["ls", "--registry", "MLFLOW=http://127.0.0.1:5000"], workingDirectory: scratch.Path);
        Assert.Equal(2, result.ExitCode);
        Assert.Contains("write mlflow:http://127.0.0.1:5000 for an MLflow server", result.Errors, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Pinned_versions_stay_and_the_rest_is_cleared(bool daemon)
    {
        await using var mount = daemon ? await MountAsync() : null;
        await OutputAsync("prefetch", "MLFLOW/tiny-bert");
        Assert.Matches(@"^MLFLOW/tiny-bert/1 is pinned: 4 files, 4\.\d+ MiB in the cache\n$", await OutputAsync("cache", "pin", "MLFLOW/tiny-bert/champion"));
        Assert.StartsWith("MLFLOW/tiny-bert/1 is pinned: ", await OutputAsync("cache", "pin"), StringComparison.Ordinal);

        var dry = await OutputAsync("cache", "gc", "MLFLOW/tiny-bert", "--older-than", "0", "--dry-run");
        Assert.Contains("MLFLOW/tiny-bert/2/weights.bin  not used for ", dry, StringComparison.Ordinal);
        Assert.Contains("would remove 4 files, 1.0", dry, StringComparison.Ordinal);
        Assert.Contains("; 4 pinned stay; ", dry, StringComparison.Ordinal);
        Assert.Equal(2, (await LinesAsync("cache", "ls", "MLFLOW/tiny-bert")).Length);

        var unasked = await RunAsync("cache", "clear");
        Assert.Equal(2, unasked.ExitCode);
        Assert.Contains("--yes", unasked.Errors, StringComparison.Ordinal);
        Assert.Matches(@"^removed 4 files, .*; 4 pinned stay; 4\.\d+ MiB left in the cache\n$", await OutputAsync("cache", "clear", "--yes"));
        Assert.Contains("  MLFLOW/tiny-bert/1  complete, pinned", Assert.Single(await LinesAsync("cache", "ls", "MLFLOW/tiny-bert")), StringComparison.Ordinal);

        await origin.Server.DisposeAsync();
        Assert.Equal("MLFLOW/tiny-bert/1 is no longer pinned\n", await OutputAsync("cache", "unpin", "MLFLOW/tiny-bert/1"));
        Assert.Matches("^removed 4 files, .*; 0 B left of MLFLOW/tiny-bert/1\n$", await OutputAsync("cache", "clear", "MLFLOW/tiny-bert/1", "-y"));
        var empty = await RunAsync("cache", "ls");
        Assert.Equal((0, "", "nothing is in the cache\n"), (empty.ExitCode, empty.OutputText, empty.Errors));
        Assert.Equal("nothing is pinned\n", (await RunAsync("cache", "pin")).Errors);
    }

    [Fact]
    public async Task A_verb_that_looks_removes_nothing_whatever_limits_it_has_in_mind()
    {
        await OutputAsync("prefetch", "MLFLOW/tiny-bert/1");
        string[] full = ["--min-free", "1PiB"];
        Assert.Contains("in 4 files, 4 complete", await OutputAsync(["cache", "info", .. full]), StringComparison.Ordinal);
        Assert.Matches(@"^4 files, 4\.\d+ MiB, all as they were stored\n$", await OutputAsync(["cache", "verify", .. full]));
        Assert.Contains("removed 4 files, ", await OutputAsync(["cache", "gc", .. full]), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Damage_on_the_disk_is_found_with_the_files_name_and_exit_code_1(bool daemon)
    {
        await using var mount = daemon ? await MountAsync() : null;
        await OutputAsync("prefetch", "MLFLOW/tiny-bert/1");
        Assert.Matches(@"^4 files, 4\.\d+ MiB, all as they were stored\n$", await OutputAsync("cache", "verify"));
        var weights = Directory.EnumerateFiles(scratch["cache", "objects"], "*", SearchOption.AllDirectories).MaxBy(f => new FileInfo(f).Length)!;
        using (var file = File.OpenHandle(weights, FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
            RandomAccess.Write(file, "damage"u8, 1 << 20);
        var found = await RunAsync("cache", "verify", "MLFLOW/tiny-bert/champion");
        Assert.Equal(1, found.ExitCode);
        Assert.StartsWith("MLFLOW/tiny-bert/1/weights.bin: 1 block was damaged\n", found.Errors, StringComparison.Ordinal);
        Assert.Contains("modelfs: 1 of 4 files", found.Errors, StringComparison.Ordinal);
        Assert.Equal(origin.Content("1", "weights.bin"), (await RunAsync("cat", "MLFLOW/tiny-bert/1/weights.bin")).Output);
        Assert.Equal(0, (await RunAsync("cache", "verify")).ExitCode);
    }

    [Fact]
    public async Task A_file_that_is_read_is_not_cleared_away_from_its_reader()
    {
        await using var mount = await MountAsync();
        await OutputAsync("prefetch", "MLFLOW/tiny-bert/1");
        var read = await ModelFsProcess.InTimeAsync(() =>
        {
            using var file = File.OpenRead(Path.Combine(mount.MountPoint, "MLFLOW/tiny-bert/1/weights.bin"));
            var buffer = new byte[Origin.WeightsSize];
            file.ReadExactly(buffer, 0, 1000);
            var cleared = OutputAsync("cache", "clear", "--yes").GetAwaiter().GetResult();
            Assert.Contains("; 1 open stays; ", cleared, StringComparison.Ordinal);
            file.ReadExactly(buffer, 1000, buffer.Length - 1000);
            return buffer;
        });
        Assert.Equal(origin.Content("1", "weights.bin"), read);
        Assert.Contains("weights.bin", Assert.Single(await LinesAsync("cache", "ls", "--files")), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Stat_says_where_a_path_leads_and_how_much_of_it_is_here(bool daemon)
    {
        await using var mount = daemon ? await MountAsync() : null;
        var before = await OutputAsync("stat", "MLFLOW/tiny-bert/champion");
        Assert.Contains("links to    MLFLOW/tiny-bert/1\n", before, StringComparison.Ordinal);
        Assert.Contains($"registry    MLFLOW: mlflow {origin.Server.Address}\n", before, StringComparison.Ordinal);
        Assert.Contains("cached      0 bytes\n", before, StringComparison.Ordinal);
        Assert.Contains("files       4\n", before, StringComparison.Ordinal);
        Assert.Matches(@"answer      \d+ (second|minute)s? old; its files were listed \d+ (second|minute)s? ago and never change\n$", before);
        await OutputAsync("prefetch", "MLFLOW/tiny-bert/1/weights.bin");

        using var stat = JsonDocument.Parse(await OutputAsync("stat", "models:/tiny-bert@champion/weights.bin", "--json"));
        var root = stat.RootElement;
        Assert.Equal("MLFLOW/tiny-bert/1/weights.bin", root.GetProperty("path").GetString());
        // The next open is the mount's, where there is one.
        var mode = mount is null ? "sealed" : (await Shell.RunAsync($"getfattr --only-values -n user.modelfs.mode {mount.MountPoint}/MLFLOW/tiny-bert/1/weights.bin")).Output;
        Assert.Equal(("mlflow", "1", mode, "unknown"), (Text("registryKind"), Text("version"), Text("mode"), Text("verified")));
        Assert.Equal((Origin.WeightsSize, Origin.WeightsSize), (root.GetProperty("size").GetInt64(), root.GetProperty("cachedBytes").GetInt64()));
        Assert.Matches("^[0-9a-f]{32}$", Text("object")!);
        Assert.Contains("cached      4194304 bytes (4.00 MiB)\n", await OutputAsync("stat", "MLFLOW/tiny-bert/1"), StringComparison.Ordinal);
        Assert.Contains("kind        directory\n", await OutputAsync("stat", "MLFLOW"), StringComparison.Ordinal);

        string? Text(string name) => root.GetProperty(name).GetString();
    }

    [Fact]
    public async Task Configured_pins_move_with_their_aliases_and_go_with_their_setting()
    {
        var settings = scratch.Write("modelfs.yaml", $"registries: {{MLFLOW: {{kind: mlflow, uri: '{origin.Server.Address}', pins: [tiny-bert/champion]}}}}");
        await using (var mount = await ModelFsProcess.MountAsync(scratch, ["--config", settings, "--alias-ttl", "100ms"]))
        {
            await UntilPinnedAsync("MLFLOW/tiny-bert/1 is pinned by the configuration as MLFLOW/tiny-bert/champion");
            origin.Store.Move("champion", "2");
            await UntilPinnedAsync("MLFLOW/tiny-bert/2 is pinned by the configuration as MLFLOW/tiny-bert/champion");
            var refused = await RunAsync("cache", "unpin", "MLFLOW/tiny-bert/2");
            Assert.Equal(1, refused.ExitCode);
            Assert.Contains("pinned by the configuration", refused.Errors, StringComparison.Ordinal);
            await mount.TerminateAsync();
        }

        Assert.Contains("MLFLOW/tiny-bert/2", await OutputAsync("cache", "pin"), StringComparison.Ordinal);
        await using var without = await MountAsync();
        await UntilPinnedAsync("");

        async Task UntilPinnedAsync(string expected)
        {
            string pins = "";
            for (var start = TimeProvider.System.GetTimestamp(); ; await Task.Delay(200))
            {
                pins = await OutputAsync("cache", "pin");
                if (expected.Length == 0 ? pins.Length == 0 : pins.StartsWith(expected, StringComparison.Ordinal))
                    return;
                Assert.True(TimeProvider.System.GetElapsedTime(start) < TimeSpan.FromSeconds(90), $"still: {pins}; {expected}");
            }
        }
    }

    [Theory]
    [InlineData(2, "SIZE", "gc", "--to", "much")]
    [InlineData(2, "time", "gc", "--older-than", "yesterday")]
    [InlineData(2, "cache clear", "gc", "MLFLOW")]
    [InlineData(1, "nothing of OTHER/x", "clear", "OTHER/x", "--yes")]
    [InlineData(1, "nobody", "pin", "MLFLOW/nobody/1")]
    [InlineData(1, "is no version", "pin", "MLFLOW/tiny-bert")]
    [InlineData(1, "is not pinned", "unpin", "MLFLOW/tiny-bert/1")]
    public async Task What_cannot_be_done_is_said_in_one_line(int exitCode, string part, params string[] arguments)
    {
        var result = await RunAsync(["cache", .. arguments]);
        Assert.Equal((exitCode, ""), (result.ExitCode, result.OutputText));
        Assert.Contains(part, Assert.Single(result.Errors.TrimEnd('\n').Split('\n')), StringComparison.OrdinalIgnoreCase);
    }

    private Task<ModelFsProcess> MountAsync() => ModelFsProcess.MountAsync(scratch, ["--registry", origin.Registry]);

    private Task<RunResult> RunAsync(params string[] arguments) => ModelFsProcess.RunAsync(arguments, new Dictionary<string, string>
    {
        ["MODELFS_CACHE"] = scratch["cache"],
        ["MODELFS_REGISTRY_MLFLOW"] = origin.Registry["MLFLOW=".Length..],
    });

    private async Task<string[]> LinesAsync(params string[] arguments) => (await OutputAsync(arguments)).TrimEnd('\n').Split('\n');

    private async Task<string> OutputAsync(params string[] arguments)
    {
        var result = await RunAsync(arguments);
        Assert.True(result.ExitCode == 0, result.Errors);
        return result.OutputText;
    }
}
