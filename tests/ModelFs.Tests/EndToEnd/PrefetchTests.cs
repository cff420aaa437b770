using System.Text.Json;
using ModelFs.Testing;
using ModelFs.Tests.Harness;

namespace ModelFs.Tests.EndToEnd;

/// <summary><c>modelfs prefetch</c> as it is asked, interrupted and killed.</summary>
[Collection("mounts")]
public sealed class PrefetchTests : OriginTests
{
    private const string Weights = "MLFLOW/tiny-bert/1/weights.bin";

    /// <summary>Slow enough that 4 MiB take half a minute: nobody misses the middle of it.</summary>
    private const string Slowly = "128KiB/s";

    private IReadOnlyDictionary<string, string> Variables => new Dictionary<string, string>
    {
        ["MODELFS_CACHE"] = scratch["cache"],
        ["MODELFS_REGISTRY_MLFLOW"] = origin.Registry["MLFLOW=".Length..],
    };

    [Theory]
    [InlineData("-", "MLFLOW/tiny-bert/1/weights.bin\n\n# not this one\n  MLFLOW/tiny-bert/2/config.json \n", 2)]
    [InlineData("list", "models:/tiny-bert@champion\n", 4)]
    public async Task Paths_come_from_a_file_or_from_standard_input(string from, string text, int files)
    {
        scratch.Write("list", text);
        var input = from == "-" ? "cat" : "true";
        var file = from == "-" ? "-" : scratch["list"];
        var result = await Shell.RunAsync(
            $"{input} '{scratch["list"]}' | MODELFS_CACHE='{scratch["cache"]}' '{ModelFsProcess.Executable}' prefetch --registry '{origin.Registry}' --from '{file}' --json");
        Assert.True(result.ExitCode == 0, result.Error);
        Assert.Equal(files, JsonDocument.Parse(result.Output).RootElement.GetProperty("files").GetInt32());
    }

    [Theory]
    [InlineData("*.json", "config.json")]
    [InlineData("config*,MLmodel", "MLmodel config.json")]
    [InlineData("**/*.txt", "requirements.txt")]
    public async Task Only_what_is_included_is_fetched(string globs, string files)
    {
        var result = await RunAsync(["prefetch", "--jobs", "1", .. globs.Split(',').SelectMany(g => new[] { "--include", g }), "MLFLOW/tiny-bert/1"]);
        Assert.Equal(0, result.ExitCode);
        var complete = result.Errors.Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Where(line => line.EndsWith(": complete", StringComparison.Ordinal)).Select(line => line.Split('/')[^1].Replace(": complete", "", StringComparison.Ordinal));
        Assert.Equal(files, string.Join(' ', complete.Order(StringComparer.Ordinal)));
    }

    [Fact]
    public async Task A_pattern_that_no_file_matches_is_no_success()
    {
        var result = await RunAsync("prefetch", "MLFLOW/tiny-bert/1", "--include", "*/config.json", "--include", "*.jsn");
        Assert.Equal((1, "", "modelfs: no file there is called '*/config.json' or '*.jsn' (--include); modelfs ls shows what there is\n"), (result.ExitCode, result.OutputText, result.Errors));
    }

    [Fact]
    public async Task An_unknown_path_does_not_stop_the_others_and_is_named_with_the_reason()
    {
        var result = await RunAsync("prefetch", "MLFLOW/nobody/1", "MLFLOW/tiny-bert/2", "--json");
        Assert.Equal(3, result.ExitCode);
        Assert.Contains("MLFLOW/nobody/1: MLFLOW has no model 'nobody'", result.Errors, StringComparison.Ordinal);
        Assert.EndsWith("modelfs: 1 of 5 files failed; run this again for them\n", result.Errors, StringComparison.Ordinal);
        var summary = JsonDocument.Parse(result.Output).RootElement;
        Assert.Equal("MLFLOW/nobody/1", Assert.Single(summary.GetProperty("failures").EnumerateObject()).Name);
    }

    [Fact]
    public async Task A_file_that_cannot_be_had_is_named_with_the_registrys_words()
    {
        Assert.Equal(0, (await RunAsync("ls", "MLFLOW/tiny-bert/2")).ExitCode);
        File.Delete(origin.Store.ContentPath("2", "config.json"));
        var result = await RunAsync("prefetch", "MLFLOW/tiny-bert/2");
        Assert.Equal(3, result.ExitCode);
        Assert.Matches("(?m)^MLFLOW/tiny-bert/2/config.json: .*500", result.Errors);
    }

    [Fact]
    public async Task On_a_terminal_files_and_all_have_bars_and_what_failed_and_the_sum_are_left()
    {
        DebianPackages.Require("bsdutils");
        Assert.Equal(0, (await RunAsync("ls", "MLFLOW/tiny-bert/1")).ExitCode);
        File.Delete(origin.Store.ContentPath("1", "config.json"));
        // Slow enough that the large file is seen on its way.
        var prefetch = $"stty cols 100 rows 12; TERM=xterm '{ModelFsProcess.Executable}' prefetch MLFLOW/tiny-bert/1 --limit-rate 2MiB/s --cache '{scratch["cache"]}' --registry '{origin.Registry}'";
        var result = await Shell.RunAsync($"script -qec \"{prefetch}\" /dev/null");
        Assert.Equal(3, result.ExitCode);
        Assert.Matches(@"MLFLOW/tiny-bert/1/weights\.bin +[━─]+ .* of 4\.00 MiB", result.Output);
        Assert.Matches(@"[━─]+ [34]/4 files, .* of 4\.00 MiB, .*/s", result.Output);
        // What is drawn last erases what was drawn before it.
        var left = result.Output[(result.Output.LastIndexOf("\e[J", StringComparison.Ordinal) + 3)..];
        Assert.Equal("modelfs: 1 of 4 files failed; run this again for them", left.Trim());
        Assert.Matches("\e\\[JMLFLOW/tiny-bert/1/config.json: .*500", result.Output);
    }

    [Fact]
    public async Task What_is_typed_under_the_bars_is_not_shown_and_the_terminal_is_as_it_was()
    {
        DebianPackages.Require("bsdutils");
        var log = scratch["log"];
        scratch.Write("typist.sh", $"until grep -q 'weights.bin .*of' {log}; do sleep 0.05; done; echo nobody wants this");
        // What is typed has arrived when somebody reads it. A job in the background ignores SIGINT.
        scratch.Write("seat.sh", $"""
            stty cols 100 rows 12
            stty -g > {scratch["before"]}
            TERM=xterm '{ModelFsProcess.Executable}' prefetch {Weights} --limit-rate {Slowly} --cache '{scratch["cache"]}' --registry '{origin.Registry}' &
            read -r typed
            kill -TERM $!
            wait $!
            stty -g > {scratch["after"]}
            echo "read: $typed" | tr a-z A-Z
            """);
        await Shell.RunAsync($"sh {scratch["typist.sh"]} | script -qefc 'sh {scratch["seat.sh"]}' {log}");
        var screen = await File.ReadAllTextAsync(log);
        Assert.Contains("READ: NOBODY WANTS THIS", screen, StringComparison.Ordinal);
        Assert.DoesNotContain("nobody wants this", screen, StringComparison.Ordinal);
        Assert.Equal(await File.ReadAllTextAsync(scratch["before"]), await File.ReadAllTextAsync(scratch["after"]));
    }

    [Fact]
    public async Task Where_a_file_is_missing_its_path_is_said_once()
    {
        foreach (string[] arguments in new string[][] { ["prefetch", "--from", scratch["none"]], ["ls", "--config", scratch["none"]] })
        {
            var result = await RunAsync(arguments);
            Assert.Equal((2, $"modelfs: {arguments[1]}: {scratch["none"]} cannot be read: there is no such file\n"), (result.ExitCode, result.Errors));
        }
    }

    [Fact]
    public async Task What_lies_in_a_cache_is_counted_before_its_status_is_told()
    {
        var store = FixtureFileStore.Create(scratch["mlruns"]);
        const int Files = 300;
        var location = "";
        for (var i = 0; i < Files; i++)
            location = store.AddFile("many", $"{i}.bin", 10, (ulong)i);
        store.AddVersion("fsmodel", 2, location);
        string[] where = ["--registry", "LOCAL=mlflow:file://" + store.Root, "--cache", scratch["cache"]];
        var result = await ModelFsProcess.RunAsync(["prefetch", "LOCAL/fsmodel/2", .. where]);
        Assert.Equal((0, $"{Files} files, 2.93 KiB, all in the cache\n"), (result.ExitCode, result.OutputText));
        using var status = JsonDocument.Parse((await ModelFsProcess.RunAsync(["status", "--json", .. where])).OutputText);
        Assert.Equal(Files, status.RootElement.GetProperty("cache").GetProperty("sealedObjects").GetInt32());
    }

    [Fact]
    public async Task A_set_larger_than_the_cache_is_refused_before_anything_is_fetched_or_removed()
    {
        var store = FixtureFileStore.Create(scratch["mlruns"]);
        var location = store.AddFile("large", "small.bin", 1000, 1);
        using (var large = File.Create(store["0", FixtureFileStore.Run, "artifacts", "large", "large.bin"]))
            large.SetLength(80 << 20);
        store.AddVersion("fsmodel", 2, location);
        string[] where = ["--registry", "LOCAL=mlflow:file://" + store.Root, "--cache", scratch["small"], "--config", scratch.Write("small.yaml", "cacheSize: 64MiB\n")];
        Assert.Equal(0, (await ModelFsProcess.RunAsync(["prefetch", "LOCAL/fsmodel/1", .. where])).ExitCode);
        var before = (await ModelFsProcess.RunAsync(["cache", "ls", "--json", .. where])).OutputText;
        var result = await ModelFsProcess.RunAsync(["prefetch", "LOCAL/fsmodel/2", .. where]);
        Assert.Equal(1, result.ExitCode);
        Assert.Matches(@"^modelfs: 2 files of 80\.0 MiB do not fit, the cache has room for \S+ MiB .*cacheSize.*--include; nothing was fetched or removed\n$", result.Errors);
        Assert.Equal(before, (await ModelFsProcess.RunAsync(["cache", "ls", "--json", .. where])).OutputText);
        Assert.Equal(0, (await ModelFsProcess.RunAsync(["prefetch", "LOCAL/fsmodel/2", "--include", "small*", .. where])).ExitCode);
    }

    [Fact]
    public async Task A_set_for_which_the_disk_is_too_full_is_refused_too()
    {
        var result = await ModelFsProcess.RunAsync(["prefetch", Weights], new Dictionary<string, string>(Variables) { ["MODELFS_MIN_FREE"] = "1000TiB" });
        Assert.Equal(1, result.ExitCode);
        Assert.Contains("1 file of 4.00 MiB does not fit, the cache's disk has room for 0 B above minFree", result.Errors, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--jobs", "0")]
    [InlineData("--jobs", "many")]
    [InlineData("--limit-rate", "fast")]
    [InlineData("--limit-rate", "5/s")]
    [InlineData("--from", "/does/not/exist")]
    public async Task What_makes_no_sense_exits_with_2(string option, string value)
    {
        var result = await RunAsync("prefetch", option, value, Weights);
        Assert.Equal(2, result.ExitCode);
        Assert.Contains(option, result.Errors, StringComparison.Ordinal);
        Assert.Single(result.Errors.TrimEnd().Split('\n'));
    }

    [Fact]
    public async Task Nothing_to_fetch_is_no_success()
    {
        Assert.Equal(2, (await RunAsync("prefetch")).ExitCode);
        Assert.Equal(2, (await RunAsync("prefetch", "--from", scratch.Write("none", "# nothing\n"))).ExitCode);
    }

    [Theory]
    [InlineData(false, "INT")]
    [InlineData(false, "TERM")]
    [InlineData(true, "INT")]
    [InlineData(true, "KILL")]
    public async Task Interrupted_in_the_middle_of_a_file_it_goes_on_where_it_was_and_fetches_nothing_twice(bool daemon, string signal)
    {
        await using var mount = daemon ? await ModelFsProcess.MountAsync(scratch, ["--registry", origin.Registry]) : null;
        await using (var slow = ModelFsProcess.Start(["prefetch", Weights, "--limit-rate", Slowly], Variables))
        {
            await ModelFsProcess.WaitForAsync(() => slow.HasExited || origin.Server.BytesSent > 512 << 10, "the middle of the file");
            Assert.False(slow.HasExited, slow.Log);
            var code = await (signal switch { "INT" => slow.InterruptAsync(), "TERM" => slow.TerminateAsync(), _ => slow.KillAsync() });
            Assert.NotEqual(0, code);
        }

        Assert.InRange(origin.Server.BytesSent, 512 << 10, Origin.WeightsSize / 2);
        Assert.Equal(0, (await RunAsync("prefetch", Weights)).ExitCode);
        // Names and sizes are asked for in some kilobytes; a block that was on its way when it was interrupted may come again.
        Assert.InRange(origin.Server.BytesSent, Origin.WeightsSize, Origin.WeightsSize + (1 << 19));
        Assert.Equal(origin.Content("1", "weights.bin"), (await RunAsync("cat", Weights)).Output);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Killed_in_the_middle_of_a_file_it_is_completed_by_the_next_run(bool daemon)
    {
        await using var mount = daemon ? await ModelFsProcess.MountAsync(scratch, ["--registry", origin.Registry]) : null;
        await using var slow = ModelFsProcess.Start(["prefetch", Weights, "--limit-rate", Slowly], Variables);
        await ModelFsProcess.WaitForAsync(() => slow.HasExited || origin.Server.BytesSent > 512 << 10, "the middle of the file");
        Assert.False(slow.HasExited, slow.Log);
        await (mount ?? slow).KillAsync();
        Assert.NotEqual(0, await slow.WaitForExitAsync());
        Assert.Equal(0, (await RunAsync("prefetch", Weights)).ExitCode);
        Assert.Equal(origin.Content("1", "weights.bin"), (await RunAsync("cat", Weights)).Output);
    }

    private Task<RunResult> RunAsync(params string[] arguments) => ModelFsProcess.RunAsync(arguments, Variables);
}
