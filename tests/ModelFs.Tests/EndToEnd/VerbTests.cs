using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using ModelFs.Testing;
using ModelFs.Tests.Harness;

namespace ModelFs.Tests.EndToEnd;

/// <summary>The verbs that read, each with a daemon and without.</summary>
[Collection("mounts")]
public sealed class VerbTests : OriginTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Paths_are_listed_resolved_and_read(bool daemon)
    {
        await using var mount = daemon ? await MountAsync() : null;
        Assert.Equal("MLFLOW\n", await OutputAsync("ls"));
        Assert.Equal("tiny-bert\n", await OutputAsync("ls", "MLFLOW"));
        Assert.Equal(["1", "2", "champion", "latest"], (await LinesAsync("ls", "MLFLOW/tiny-bert")).Order(StringComparer.Ordinal));
        Assert.Equal(["MLmodel", "config.json", "requirements.txt", "weights.bin"], await LinesAsync("ls", "models:/tiny-bert@champion"));
        Assert.Contains("champion -> 1\n", await OutputAsync("ls", "-l", "MLFLOW/tiny-bert"), StringComparison.Ordinal);
        Assert.Contains($"{Origin.WeightsSize}", await OutputAsync("ls", "-l", "MLFLOW/tiny-bert/1/weights.bin"), StringComparison.Ordinal);
        Assert.Equal("MLFLOW/tiny-bert/1/MLmodel\n", await OutputAsync("resolve", "MLFLOW/tiny-bert/champion/MLmodel"));
        Assert.Equal("MLFLOW/tiny-bert/2\n", await OutputAsync("resolve", "models:/tiny-bert/latest"));
        Assert.Equal(origin.Content("1", "weights.bin"), (await RunAsync("cat", "models:/tiny-bert@champion/weights.bin")).Output);
    }

    [Fact]
    public async Task A_path_under_a_mount_is_one_without_a_dot_before_it_too()
    {
        await using var mount = await MountAsync();
        var below = await ModelFsProcess.RunAsync(["resolve", "mnt/MLFLOW/tiny-bert/champion/MLmodel"], workingDirectory: scratch.Path);
        Assert.Equal(("MLFLOW/tiny-bert/1/MLmodel\n", ""), (below.OutputText, below.Errors));
        // A registry of the configuration is meant where one is called so.
        var named = new Dictionary<string, string> { ["MODELFS_CACHE"] = scratch["cache"], ["MODELFS_REGISTRY_mnt"] = "mlflow:" + origin.Server.Address };
        var tree = await ModelFsProcess.RunAsync(["resolve", "mnt/tiny-bert"], named, scratch.Path);
        Assert.Contains("mnt", tree.Errors, StringComparison.Ordinal);
        Assert.NotEqual(0, tree.ExitCode);
    }

    [Fact]
    public async Task In_a_directory_of_a_mount_paths_of_its_tree_and_of_that_directory_are_both_understood()
    {
        await using var mount = await MountAsync();
        foreach (var path in new[] { "champion", "MLFLOW/tiny-bert/champion", "./champion", "../tiny-bert/champion" })
        {
            var result = await Shell.RunAsync($"cd {mount.MountPoint}/MLFLOW/tiny-bert && MODELFS_CACHE='{scratch["another"]}' '{ModelFsProcess.Executable}' resolve {path}");
            Assert.Equal((0, "MLFLOW/tiny-bert/1\n", ""), (result.ExitCode, result.Output, result.Error));
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_is_listed_and_resolved_is_one_JSON_document_where_that_is_asked_for(bool daemon)
    {
        await using var mount = daemon ? await MountAsync() : null;
        using var model = JsonDocument.Parse(await OutputAsync("ls", "--json", "MLFLOW/tiny-bert"));
        var entries = model.RootElement.EnumerateArray().ToDictionary(e => e.GetProperty("path").GetString()!);
        Assert.Equal(["1", "2", "champion", "latest"], entries.Keys.Select(path => path["MLFLOW/tiny-bert/".Length..]).Order(StringComparer.Ordinal));
        Assert.Equal(("Link", "1"), (entries["MLFLOW/tiny-bert/champion"].GetProperty("kind").GetString(), entries["MLFLOW/tiny-bert/champion"].GetProperty("target").GetString()));
        using var file = JsonDocument.Parse(await OutputAsync("resolve", "--json", "models:/tiny-bert@champion/weights.bin"));
        Assert.Equal("MLFLOW/tiny-bert/1/weights.bin", file.RootElement.GetProperty("path").GetString());
        Assert.Equal(("File", Origin.WeightsSize), (file.RootElement.GetProperty("kind").GetString(), file.RootElement.GetProperty("size").GetInt64()));
        using var single = JsonDocument.Parse(await OutputAsync("ls", "--json", "MLFLOW/tiny-bert/1/config.json"));
        Assert.Equal(1, single.RootElement.GetArrayLength());
        Assert.Equal("", (await RunAsync("ls", "--json", "MLFLOW/nobody")).OutputText);
    }

    [Theory]
    [InlineData(false, "ls", "OTHER", "OTHER")]
    [InlineData(false, "ls", "MLFLOW/nobody", "nobody")]
    [InlineData(false, "cat", "MLFLOW/tiny-bert/7/MLmodel", "7")]
    [InlineData(true, "resolve", "models:/tiny-bert@loser", "loser")]
    [InlineData(true, "cat", "MLFLOW/tiny-bert/1/MLmodels", "MLmodels")]
    [InlineData(true, "prefetch", "MLFLOW/tiny-bert/9", "9")]
    [InlineData(true, "cat", "MLFLOW/tiny-bert/1", "directory")]
    public async Task What_is_unknown_is_said_in_one_line(bool daemon, string verb, string path, string part)
    {
        await using var mount = daemon ? await MountAsync() : null;
        var result = await RunAsync(verb, path);
        Assert.Equal((1, ""), (result.ExitCode, result.OutputText));
        var line = Assert.Single(result.Errors.TrimEnd('\n').Split('\n'));
        Assert.StartsWith("modelfs: ", line, StringComparison.Ordinal);
        Assert.Contains(part, line, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_path_under_a_mount_needs_no_word_of_its_cache()
    {
        await using var mount = await MountAsync();
        Directory.CreateSymbolicLink(scratch["link"], "mnt/MLFLOW");
        var nowhere = new Dictionary<string, string> { ["MODELFS_CACHE"] = scratch["another"] };
        foreach (var path in new[] { Path.Combine(mount.MountPoint, "MLFLOW/tiny-bert/champion"), scratch["link", "tiny-bert", "champion"] })
        {
            var result = await ModelFsProcess.RunAsync(["resolve", path], nowhere);
            Assert.Equal((0, "MLFLOW/tiny-bert/1\n", ""), (result.ExitCode, result.OutputText, result.Errors));
        }

        var relative = await ModelFsProcess.RunAsync(["ls", "./mnt/MLFLOW"], nowhere, scratch.Path);
        Assert.Equal("tiny-bert\n", relative.OutputText);
        var outside = await ModelFsProcess.RunAsync(["ls", scratch.Path], nowhere);
        Assert.Equal(1, outside.ExitCode);
        Assert.Contains("lies under no mount of modelfs", outside.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_cache_whose_holder_does_not_answer_is_left_alone_and_said()
    {
        await using var mount = await MountAsync();
        File.Delete(scratch["cache", "modelfs.sock"]);
        var result = await RunAsync("ls", "MLFLOW");
        Assert.Equal(1, result.ExitCode);
        Assert.Contains($"process {mount.Id}", result.Errors, StringComparison.Ordinal);
        Assert.Contains(scratch["cache", "modelfs.sock"], result.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_reader_that_has_enough_is_no_failure()
    {
        var cat = $"'{ModelFsProcess.Executable}' cat --cache '{scratch["cache"]}' --registry '{origin.Registry}' MLFLOW/tiny-bert/1/weights.bin";
        var command = cat + " | head -c 8; echo \"${PIPESTATUS[0]}\" >&2";
        using var shell = Process.Start(new ProcessStartInfo("/bin/bash", ["-c", command]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var errors = shell.StandardError.ReadToEndAsync();
        await shell.StandardOutput.ReadToEndAsync().WaitAsync(TimeSpan.FromSeconds(60));
        Assert.Equal("0\n", await errors.WaitAsync(TimeSpan.FromSeconds(60)));
    }

    [Fact]
    public async Task Files_that_are_written_one_after_the_other_to_one_output_follow_each_other()
    {
        var cat = $"'{ModelFsProcess.Executable}' cat --cache '{scratch["cache"]}' --registry '{origin.Registry}' MLFLOW/tiny-bert";
        using var shell = Process.Start("/bin/sh", ["-c", $"({cat}/1/MLmodel; {cat}/2/MLmodel) > '{scratch["both"]}'"]);
        await shell.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(60));
        byte[] expected = [.. origin.Content("1", "MLmodel"), .. origin.Content("2", "MLmodel")];
        Assert.Equal(expected, await File.ReadAllBytesAsync(scratch["both"]));
    }

    [Theory]
    [InlineData("ls")]
    [InlineData("cat")]
    [InlineData("resolve")]
    [InlineData("prefetch")]
    public async Task An_empty_path_is_no_path(string verb)
    {
        var result = await RunAsync(verb, "");
        Assert.Equal((2, ""), (result.ExitCode, result.OutputText));
        Assert.Contains("an empty PATH", result.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_model_is_listed_with_its_aliases_first_and_the_newest_version_before_the_others() =>
        Assert.Equal(["champion", "latest", "2", "1"], await LinesAsync("ls", "MLFLOW/tiny-bert"));

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Prefetch_fetches_what_is_missing_and_nothing_twice(bool daemon)
    {
        await using var mount = daemon ? await MountAsync() : null;
        Assert.Contains("1 file, 4.00 MiB", await OutputAsync("prefetch", "MLFLOW/tiny-bert/1/weights.bin"), StringComparison.Ordinal);
        var first = origin.Server.BytesSent;
        Assert.True(first >= Origin.WeightsSize);
        var rest = await RunAsync("prefetch", "models:/tiny-bert@champion");
        Assert.Equal(0, rest.ExitCode);
        Assert.Contains("MLFLOW/tiny-bert/1/config.json: complete\n", rest.Errors, StringComparison.Ordinal);
        Assert.InRange(origin.Server.BytesSent - first, 1, 1 << 16);
        if (!daemon)
            return;
        await origin.Server.DisposeAsync();
        Assert.Equal(origin.Content("1", "weights.bin"), await ModelFsProcess.InTimeAsync(() => File.ReadAllBytes(scratch["mnt", "MLFLOW", "tiny-bert", "1", "weights.bin"])));
    }

    [Fact]
    public async Task A_prefetch_that_loses_a_file_completes_the_others_and_fails()
    {
        await OutputAsync("ls", "MLFLOW/tiny-bert/2");
        File.Delete(origin.Store.ContentPath("2", "config.json"));
        var result = await RunAsync("prefetch", "MLFLOW/tiny-bert/2");
        Assert.Equal(3, result.ExitCode);
        Assert.Contains("MLFLOW/tiny-bert/2/weights.bin: complete\n", result.Errors, StringComparison.Ordinal);
        Assert.EndsWith("modelfs: 1 of 4 files failed; run this again for them\n", result.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task With_nothing_configured_the_database_in_the_working_directory_is_read()
    {
        CopyStore(Fixtures.PathOf("mlflow", "sqlite-store"), scratch["project"]);
        var listed = await InProjectAsync("ls", "MLFLOW");
        Assert.Contains("%2E%2E\n", listed, StringComparison.Ordinal);
        Assert.Contains("team%2Fmodel:v1\n", listed, StringComparison.Ordinal);
        Assert.Contains("ünïcode-模型\n", listed, StringComparison.Ordinal);
        var model = FixtureManifest.Read().Single(m => m.Name == "iris");
        foreach (var (alias, version) in model.Aliases)
            Assert.Equal($"MLFLOW/iris/{version}\n", await InProjectAsync("resolve", $"models:/iris@{alias}"));
        var file = model.Versions["1"].Files.Single(f => f.Path == "MLmodel");
        var content = await InProjectAsync("cat", "models:/iris/1/MLmodel");
        Assert.Equal(file.StatedSha256, Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(content))));

        async Task<string> InProjectAsync(params string[] arguments)
        {
            var result = await ModelFsProcess.RunAsync([.. arguments, "--cache", scratch["cache"]], workingDirectory: scratch["project"]);
            Assert.True(result.ExitCode == 0, result.Errors);
            return result.OutputText;
        }
    }

    [Fact]
    public async Task Status_needs_no_registry()
    {
        var status = await ModelFsProcess.RunAsync(["status", "--cache", scratch["empty"]], workingDirectory: scratch.Path);
        Assert.Equal((0, ""), (status.ExitCode, status.Errors));
        Assert.Contains("none on this cache", status.OutputText, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_registry_that_is_down_is_said_with_the_cause()
    {
        var listing = await ModelFsProcess.RunAsync(["ls", "--cache", scratch["empty"], "--registry", "MLFLOW=mlflow:http://127.0.0.1:9", "MLFLOW"]);
        Assert.Equal(1, listing.ExitCode);
        Assert.Contains("refused", listing.Errors, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("databricks")]
    [InlineData("gopher://127.0.0.1")]
    public async Task A_tracking_URI_that_cannot_be_used_names_its_variable(string uri)
    {
        var listing = await ModelFsProcess.RunAsync(["ls", "--cache", scratch["empty"]], new Dictionary<string, string> { ["MLFLOW_TRACKING_URI"] = uri });
        Assert.Equal(2, listing.ExitCode);
        Assert.Contains("(MLFLOW_TRACKING_URI)", listing.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Wrong_settings_and_unknown_flags_exit_with_2()
    {
        Assert.Equal(2, (await RunAsync("ls", "--cache-size", "much", "MLFLOW")).ExitCode);
        Assert.Equal(2, (await RunAsync("ls", "--cash", "x")).ExitCode);
        Assert.Equal(2, (await ModelFsProcess.RunAsync(["ls"], new Dictionary<string, string> { ["MODELFS_ALIAS_TTL"] = "x" })).ExitCode);
        var nothing = await ModelFsProcess.RunAsync(["ls", "--cache", scratch["cache"]], workingDirectory: scratch.Path);
        Assert.Equal(2, nothing.ExitCode);
        Assert.Contains("MLFLOW_TRACKING_URI", nothing.Errors, StringComparison.Ordinal);
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

    private static void CopyStore(string from, string to)
    {
        Directory.CreateDirectory(to);
        foreach (var directory in Directory.EnumerateDirectories(from))
            CopyStore(directory, Path.Combine(to, Path.GetFileName(directory)));
        foreach (var file in Directory.EnumerateFiles(from))
            File.Copy(file, Path.Combine(to, Path.GetFileName(file)));
    }
}
