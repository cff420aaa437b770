using System.Diagnostics;
using ModelFs.Benchmarks.Figures;
using ModelFs.Benchmarks.Reading;
using ModelFs.Benchmarks.Rigs;

namespace ModelFs.Benchmarks.Parts;

/// <summary>
/// Serving processes that load a model of two shards: header, then each tensor in order out of the mapped file. Beside them the script that
/// everybody writes: download all files, then load them; one download however many processes, which is the best that it can do.
/// </summary>
internal static class ReadyToServe
{
    private const string Model = "ready";
    private const string Empty = "cache empty";
    private const string Fresh = "cache empty, first model of a daemon";
    private const string Warm = "cache warm";
    private const string Download = "download, then load";
    private const string Local = "downloaded long ago";

    private static readonly string[] Shards = ["model-1.safetensors", "model-2.safetensors"];
    private static readonly int[] Processes = [1, 2, 8];

    public static async Task RunAsync(Bench bench)
    {
        var size = bench.Options.Size / 4;
        bench.Origin.Add(Model, Shards, size, Origin.Tensors);
        using var warm = bench.Scratch();
        await FillAsync(bench, warm);
        var local = Shards.Select(warm.File).ToList();
        foreach (var (shard, path) in Shards.Zip(local))
            File.Copy(bench.Origin.PathOf(Model, shard), path);
        foreach (var count in Processes)
        {
            var readers = new List<Reader>();
            try
            {
                while (readers.Count < count)
                    readers.Add(await Reader.StartAsync(bench.Cancellation));
                await CompareAsync(bench, readers, warm, local, size * Shards.Length);
            }
            finally
            {
                foreach (var reader in readers)
                    await reader.DisposeAsync();
            }
        }
    }

    private static async Task CompareAsync(Bench bench, List<Reader> readers, Scratch warm, IReadOnlyList<string> local, long size)
    {
        var who = readers.Count == 1 ? "1 process ready" : $"{readers.Count} processes ready";
        var rounds = await Rounds.RunAsync(
            bench, who,
            new(Empty, _ => EmptyAsync(isFresh: false)),
            new(Fresh, _ => EmptyAsync(isFresh: true)),
            new(Warm, _ => MountedAsync(bench, readers, warm)),
            new(Download, _ => DownloadAsync(bench, readers)),
            new(Local, _ => LocalAsync(bench, readers, local)));
        bench.Add($"{who}, cache empty: times faster than download-then-load", "", rounds.Speedups(Empty, Download), Goal.AtLeast(1), headline: true);
        bench.Add($"{who}, {Fresh}: times faster than download-then-load", "", rounds.Speedups(Fresh, Download));
        bench.Add($"{who}, cache warm: times faster than download-then-load", "", rounds.Speedups(Warm, Download), Goal.AtLeast(1), headline: true);
        // A warm cache is read from the disk, and what was downloaded just now from memory: what the disk itself gives stands beside it.
        bench.Add($"{who}, cache warm: times faster than native files that lie on the disk", "", rounds.Speedups(Warm, Local), Goal.AtLeast(0.97));
        bench.Add($"{who}, {Local}", "s", rounds.Values(Local, sample => sample.Seconds));
        foreach (var name in new[] { Empty, Warm, Download })
        {
            bench.Add($"{who}, {name}", "s", rounds.Values(name, sample => sample.Seconds));
            bench.Add($"{who}, {name}: bytes from the origin / size", "", rounds.Values(name, sample => sample.OriginBytes / size));
            bench.Add($"{who}, {name}: bytes on disk / size", "", rounds.Values(name, sample => sample.DiskBytes / size));
        }

        async Task<Sample> EmptyAsync(bool isFresh)
        {
            using var scratch = bench.Scratch();
            return await MountedAsync(bench, readers, scratch, isFresh);
        }
    }

    private static async Task FillAsync(Bench bench, Scratch scratch)
    {
        await using var reader = await Reader.StartAsync(bench.Cancellation);
        await using var daemon = await bench.MountAsync(scratch, bench.Nginx.Uri);
        foreach (var shard in Shards)
        {
            await bench.AskAsync(reader, new(ReadPattern.Sequential, [daemon.PathOf(Model, shard)]));
            await Daemon.SealedAsync(daemon.PathOf(Model, shard), bench.Cancellation);
        }
    }

    private static async Task<Sample> MountedAsync(Bench bench, List<Reader> readers, Scratch scratch, bool isFresh = false)
    {
        await using var daemon = isFresh ? await bench.MountAsync(scratch, bench.Nginx.Uri) : await bench.MountServedAsync(scratch, bench.Nginx.Uri, readers[0]);
        var cache = Daemon.CacheOf(scratch.Directory);
        bench.ForgetPages(Directory.EnumerateFiles(cache, "*", SearchOption.AllDirectories));
        var sent = await bench.Nginx.SentAsync(bench.Cancellation);
        var seconds = await LoadAsync(bench, readers, [.. Shards.Select(shard => daemon.PathOf(Model, shard))]);
        return new(seconds)
        {
            OriginBytes = await bench.Nginx.SentAsync(bench.Cancellation) - sent,
            DiskBytes = await Scratch.DiskBytesAsync(cache, bench.Cancellation) - (isFresh ? 0 : Bench.EarlierSize),
        };
    }

    private static async Task<Sample> DownloadAsync(Bench bench, List<Reader> readers)
    {
        using var scratch = bench.Scratch();
        var sent = await bench.Nginx.SentAsync(bench.Cancellation);
        bench.ForgetPages();
        var start = Stopwatch.GetTimestamp();
        await Child.RunAsync(
            Tool.Curl.Path, bench.Cancellation,
            ["-s", "-S", "-f", .. Shards.SelectMany(shard => new[] { "-o", scratch.File(shard), Origin.Url(bench.Nginx.Uri, Model, shard) })]);
        await LoadAsync(bench, readers, [.. Shards.Select(scratch.File)]);
        return new(Stopwatch.GetElapsedTime(start).TotalSeconds)
        {
            OriginBytes = await bench.Nginx.SentAsync(bench.Cancellation) - sent,
            DiskBytes = await Scratch.DiskBytesAsync(scratch.Directory, bench.Cancellation),
        };
    }

    private static async Task<Sample> LocalAsync(Bench bench, List<Reader> readers, IReadOnlyList<string> local)
    {
        bench.ForgetPages(local);
        return new(await LoadAsync(bench, readers, local));
    }

    /// <returns>Seconds until the last of them has its last tensor.</returns>
    private static async Task<double> LoadAsync(Bench bench, List<Reader> readers, IReadOnlyList<string> paths)
    {
        var start = Stopwatch.GetTimestamp();
        await Task.WhenAll(readers.Select(reader => bench.AskAsync(reader, new(ReadPattern.Load, paths))));
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }
}
