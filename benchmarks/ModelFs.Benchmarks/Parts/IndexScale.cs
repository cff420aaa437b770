using System.Diagnostics;
using System.Globalization;
using Microsoft.Extensions.Logging.Abstractions;
using ModelFs.Benchmarks.Figures;
using ModelFs.Benchmarks.Names;
using ModelFs.Benchmarks.Rigs;
using ModelFs.Cache;
using ModelFs.Cache.Index;

namespace ModelFs.Benchmarks.Parts;

/// <summary>What the index of a large cache costs: at the start, in memory, on disk, while it is checkpointed and while it is compacted.</summary>
internal static class IndexScale
{
    private const int SmallObjects = 1_000_000;
    private const int LookUps = 200;
    private const int BlocksOfACheckpoint = 8192; // 2 GiB: what comes in two seconds

    public static async Task RunAsync(Bench bench)
    {
        using var nothing = bench.Scratch();
        var registry = new Uri("file://" + Directory.CreateDirectory(nothing.File("mlruns")).FullName);
        var empty = (await StartAsync(bench, nothing, registry, 100L << 30)).Resident;
        bench.Add("memory of a daemon with an empty cache", "MiB", [empty]);
        foreach (var bytes in bench.Options.Caches)
        {
            using var scratch = bench.Scratch();
            var (objects, blocks) = ((int)(bytes / CacheOptions.BlockSize / LargeCache.LargeObject), bytes / CacheOptions.BlockSize);
            var name = string.Create(CultureInfo.InvariantCulture, $"{blocks / 1e6:0.0} M blocks");
            await StartsAsync(bench, name, scratch, registry, empty, objects, LargeCache.LargeObject);
            await InProcessAsync(bench, name, Path.Combine(Daemon.CacheOf(scratch.Directory), "index"), objects, blocks);
        }

        using var small = bench.Scratch();
        await StartsAsync(bench, $"{SmallObjects} objects of one block", small, registry, empty, SmallObjects, 1);
    }

    private static async Task StartsAsync(Bench bench, string name, Scratch scratch, Uri registry, double empty, int objects, int blocksOfEach)
    {
        bench.Progress(name);
        var directory = Directory.CreateDirectory(Daemon.CacheOf(scratch.Directory)).FullName;
        await LargeCache.WriteAsync(directory, objects, blocksOfEach, areSealed: false);
        var starts = new List<StartSample>();
        for (var round = 0; round < bench.Options.Rounds; round++)
        {
            bench.ForgetPages(Directory.EnumerateFiles(Path.Combine(directory, "index"), "*", SearchOption.AllDirectories));
            starts.Add(await StartAsync(bench, scratch, registry, 2L * objects * blocksOfEach * CacheOptions.BlockSize));
        }

        bench.Add($"{name}: mount until the first answer, nothing in the page cache", "s", [.. starts.Select(s => s.Answer)], Goal.AtMost(2));
        bench.Add($"{name}: until everything is accounted for", "s", [.. starts.Select(s => s.Accounted)]);
        bench.Add($"{name}: memory of the daemon, more than with an empty cache", "MiB", [.. starts.Select(s => s.Resident - empty)]);
        bench.Add($"{name}: VmHWM of the daemon", "MiB", [.. starts.Select(s => s.Peak)], Goal.AtMost(256));
    }

    private static async Task<StartSample> StartAsync(Bench bench, Scratch scratch, Uri registry, long cacheSize)
    {
        var start = Stopwatch.GetTimestamp();
        await using var daemon = await Daemon.StartAsync(scratch.Directory, registry, ["--cache-size", $"{cacheSize}"], bench.Cancellation);
        var answer = Stopwatch.GetElapsedTime(start).TotalSeconds;
        // Waits for the survey, which waits for the index.
        await Child.RunAsync(Daemon.Program, bench.Cancellation, "cache", "info", "--cache", Daemon.CacheOf(scratch.Directory));
        var accounted = Stopwatch.GetElapsedTime(start).TotalSeconds;
        return new StartSample(answer, accounted, daemon.Process.Memory("VmRSS") / 1048576.0, daemon.Process.Memory("VmHWM") / 1048576.0);
    }

    private static async Task InProcessAsync(Bench bench, string name, string directory, int objects, long blocks)
    {
        var keys = LargeCache.Keys(objects).ToArray();
        bench.ForgetPages(Directory.EnumerateFiles(directory, "*", SearchOption.AllDirectories));
        var start = Stopwatch.GetTimestamp();
        await using var index = BlockIndex.Open(directory, blocks * CacheOptions.BlockSize * 2, NullLogger.Instance);
        var record = (await index.FindAsync(keys[0]))!.Value;
        bench.Add($"{name}: the index opened, nothing in the page cache", "s", [Stopwatch.GetElapsedTime(start).TotalSeconds]);
        bench.Add($"{name}: on disk, each block", "B", [(double)index.Bytes / blocks]);

        bench.Random.Shuffle(keys);
        bench.ForgetPages(Directory.EnumerateFiles(directory, "*", SearchOption.AllDirectories));
        bench.Add($"{name}: an object of 1024 blocks loaded from disk", "ms", [.. await TimesAsync(keys.Take(20), index.LoadAsync)]);
        bench.Add($"{name}: an object looked up on disk", "ms", [.. await TimesAsync(keys.Skip(20).Take(LookUps), index.FindAsync)]);

        var (times, slowest) = (new List<double>(), new List<double>());
        for (var round = 0; round < bench.Options.Rounds; round++)
        {
            var fresh = new ObjectKey(new UInt128((ulong)bench.Random.NextInt64(), (ulong)bench.Random.NextInt64()));
            await index.PutAsync(fresh, record with { Size = (long)BlocksOfACheckpoint * CacheOptions.BlockSize }, [.. Enumerable.Range(0, BlocksOfACheckpoint).Select(number => (number, (ulong)number))]);
            var (took, worst) = await UnderLookUpsAsync(index, keys, () => index.Checkpoint(null, 0));
            times.Add(took);
            slowest.Add(worst * 1000);
        }

        bench.Add($"{name}: a checkpoint of {BlocksOfACheckpoint} new blocks", "s", times);
        bench.Add($"{name}: the slowest look-up meanwhile", "ms", slowest);

        // Three of four objects go; a daemon does such a step every two seconds.
        var kept = keys.Where((_, i) => i % 4 == 0).ToHashSet();
        foreach (var key in keys.Where(key => !kept.Contains(key)))
            await index.RemoveAsync(key);
        var before = index.Bytes;
        var (seconds, delay) = await UnderLookUpsAsync(index, [.. kept], () =>
        {
            for (var rounds = 0; index.Bytes > before * 0.4 && rounds < 5000; rounds++)
            {
                if (!index.Checkpoint(key => kept.Contains(key) ? 1u : null, blocks / 4 / IndexValue.Blocks))
                    throw new BenchmarkException("a checkpoint failed");
            }

            return true;
        });
        bench.Add($"{name}: compacted after three quarters of it went", "s", [seconds]);
        bench.Add($"{name}: log after that / before", "", [(double)index.Bytes / before]);
        bench.Add($"{name}: the slowest look-up meanwhile", "ms", [delay * 1000]);
    }

    private static async Task<List<double>> TimesAsync<T>(IEnumerable<ObjectKey> keys, Func<ObjectKey, Task<T>> ask)
    {
        var times = new List<double>();
        foreach (var key in keys)
        {
            var start = Stopwatch.GetTimestamp();
            if (await ask(key) is null)
                throw new BenchmarkException("what was put is not there");
            times.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
        }

        return times;
    }

    /// <summary>Does something while somebody opens objects all the time.</summary>
    private static async Task<(double Seconds, double Slowest)> UnderLookUpsAsync(BlockIndex index, ObjectKey[] keys, Func<bool> work)
    {
        var slowest = 0.0;
        var start = Stopwatch.GetTimestamp();
        var working = Task.Run(work);
        for (var i = 0; !working.IsCompleted; i++)
        {
            var asked = Stopwatch.GetTimestamp();
            _ = await index.FindAsync(keys[i % keys.Length]);
            slowest = Math.Max(slowest, Stopwatch.GetElapsedTime(asked).TotalSeconds);
            await Task.Delay(1);
        }

        if (!await working)
            throw new BenchmarkException("the index refused");
        return (Stopwatch.GetElapsedTime(start).TotalSeconds, slowest);
    }

    private sealed record StartSample(double Answer, double Accounted, double Resident, double Peak);
}
