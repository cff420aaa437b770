using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using ModelFs.Tests.Harness;

namespace ModelFs.Tests.Soak;

/// <summary>A daemon under load on a cache that is smaller than what is read, killed at random moments and started again on what is left.</summary>
/// <remarks><c>SOAK_KILLS</c> is how often (default 3), <c>SOAK_SEED</c> repeats a run's choices; the moments themselves nothing repeats.</remarks>
[Collection("mounts")]
public sealed class SoakTests : IAsyncLifetime
{
    private const long CacheSize = 64 << 20;
    private const int Files = 26;

    /// <summary>What two writers may have been admitted with at the same time, and what the index grows by within the second between two looks at it.</summary>
    private const long InFlight = 2 << 20;

    /// <summary>Of a path that is read and pinned before the first kill.</summary>
    private const string Pinned = "MLFLOW/tiny-bert/1";

    private readonly Scratch scratch = new();
    private readonly int seed = Number("SOAK_SEED", Random.Shared.Next(1 << 20));
    private readonly Random random;
    private readonly List<SoakFile> files = [];
    private readonly List<SoakFile> pinned = [];
    private Origin models = null!;
    private FileServer tree = null!;

    public SoakTests() => random = new Random(seed);

    public async Task InitializeAsync()
    {
        Directory.CreateDirectory(scratch["www"]);
        for (int i = 0; i < Files; i++)
        {
            var content = new byte[(1 << 20) + 1 + (i * 300_001)];
            random.NextBytes(content);
            await File.WriteAllBytesAsync(scratch["www", $"{i}.bin"], content);
            files.Add(new SoakFile(scratch["mnt", "WWW", $"{i}.bin"], scratch["www", $"{i}.bin"]));
        }

        models = await Origin.StartAsync(scratch);
        tree = await FileServer.StartNginxAsync(scratch["www"], scratch["nginx"]);
        foreach (string name in (string[])["MLmodel", "config.json", "requirements.txt", "weights.bin"])
            pinned.Add(new SoakFile(scratch["mnt", Pinned, name], models.Store.ContentPath("1", name)));
        Assert.Equal(Files + pinned.Count, files.Concat(pinned).DistinctBy(f => f.Size).Count());
    }

    public async Task DisposeAsync()
    {
        await tree.DisposeAsync();
        await models.DisposeAsync();
        scratch.Dispose();
    }

    [Fact]
    public async Task Killed_under_load_a_daemon_loses_nothing_that_was_complete_serves_no_wrong_byte_and_leaks_no_space()
    {
        var cache = new SoakCache(scratch["cache"]);
        int kills = Number("SOAK_KILLS", 3);
        for (int kill = 0; kill <= kills; kill++)
        {
            var where = $"seed {seed}, after {kill} kills: ";
            await using var daemon = await MountAsync();
            if (kill == 0)
                await PinAsync();
            else
                await CheckAsync(cache, where, daemon);
            if (kill == kills)
            {
                Assert.Equal(0, await daemon.TerminateAsync());
                break;
            }

            using var readers = SoakReaders.Start(random.Next(1 << 20), [.. files, .. pinned]);
            await using var prefetch = ModelFsProcess.Start(["prefetch", $"WWW/{random.Next(Files)}.bin", $"WWW/{random.Next(Files)}.bin", "MLFLOW/tiny-bert/2"], Variables);
            await Task.Delay(random.Next(300, 3500));
            // The verb first: without a daemon it would use the cache by itself.
            var held = readers.Kill(() =>
            {
                prefetch.Kill();
                daemon.Kill();
            });
            Assert.True(readers.Faults.Count == 0, where + string.Join("; ", readers.Faults));

            var whole = cache.Sealed();
            Assert.All(held.Select(f => new FileInfo(f).Length), size => Assert.True(whole.Contains(size), $"{where}the file of {size} bytes was open and complete, and is not now"));
            Assert.All(pinned, f => Assert.True(whole.Contains(f.Size), $"{where}{f.Path} was pinned and complete, and is not now"));
            Assert.True(cache.Bytes <= CacheSize + InFlight, $"{where}{cache.Bytes} bytes are taken of {CacheSize}");
        }
    }

    private async Task PinAsync()
    {
        Assert.Equal(0, (await RunAsync("prefetch", Pinned)).ExitCode);
        Assert.Equal(0, (await RunAsync("cache", "pin", Pinned)).ExitCode);
    }

    /// <summary>What must hold of the cache that a kill left, before anybody else reads.</summary>
    private async Task CheckAsync(SoakCache cache, string where, ModelFsProcess daemon)
    {
        // It waits for the survey, which may evict what is over the limit. What is complete after that stays, if what is written of it needs no room.
        var info = await InfoAsync();
        var before = await StatusAsync();
        var whole = cache.Sealed();
        var wrong = await SoakReaders.ReadAllAsync([.. files.Concat(pinned).Where(f => whole.Contains(f.Size))]);
        Assert.True(wrong.Count == 0, where + string.Join("; ", wrong));
        var status = await StatusAsync();
        bool hasEvicted = Number(status, "evictions") > Number(before, "evictions");
        Assert.True(hasEvicted || Number(status, "originBytes") == 0, $"{where}what was complete was fetched again: {info}, {before}, {status}, {daemon.Log}");

        var found = cache.Describe();
        var verified = await RunAsync("cache", "verify");
        Assert.True(verified.ExitCode == 0, $"{where}{verified.OutputText}{verified.Errors}{found}{daemon.Log}");

        // A complete file gets a new sidecar when it was verified, and for a moment there are two.
        string? difference = "";
        for (var start = Stopwatch.GetTimestamp(); difference is not null; await Task.Delay(50))
        {
            difference = cache.DifferenceTo(await InfoAsync());
            Assert.True(difference is null || Stopwatch.GetElapsedTime(start) < TimeSpan.FromMinutes(2), where + difference);
        }
    }

    private async Task<JsonElement> InfoAsync() => (await JsonAsync("cache", "info", "--json")).GetProperty("cache");

    private async Task<JsonElement> StatusAsync() => (await JsonAsync("status", "--json")).GetProperty("cache");

    private async Task<JsonElement> JsonAsync(params string[] arguments)
    {
        var result = await RunAsync(arguments);
        Assert.True(result.ExitCode == 0, result.Errors);
        using var document = JsonDocument.Parse(result.OutputText);
        return document.RootElement.Clone();
    }

    private Task<ModelFsProcess> MountAsync() => ModelFsProcess.MountAsync(
        scratch, ["--registry", models.Registry, "--registry", tree.Registry, "--cache-size", $"{CacheSize}", "--min-free", "0"]);

    private Task<RunResult> RunAsync(params string[] arguments) => ModelFsProcess.RunAsync(arguments, Variables);

    private Dictionary<string, string> Variables => new()
    {
        ["MODELFS_CACHE"] = scratch["cache"],
        ["MODELFS_CACHE_SIZE"] = $"{CacheSize}",
        ["MODELFS_REGISTRY_MLFLOW"] = models.Registry["MLFLOW=".Length..],
        ["MODELFS_REGISTRY_WWW"] = tree.Registry["WWW=".Length..],
    };

    private static long Number(JsonElement status, string property) => status.GetProperty(property).GetInt64();

    private static int Number(string variable, int otherwise) =>
        Environment.GetEnvironmentVariable(variable) is { } text ? int.Parse(text, CultureInfo.InvariantCulture) : otherwise;
}
