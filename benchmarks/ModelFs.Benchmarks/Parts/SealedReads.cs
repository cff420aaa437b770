using ModelFs.Benchmarks.Figures;
using ModelFs.Benchmarks.Reading;
using ModelFs.Benchmarks.Rigs;

namespace ModelFs.Benchmarks.Parts;

/// <summary>
/// A complete file through the mount, beside the cache's own file: one reader process for both, and the same pages, because which pages of
/// memory a file gets moves its rate by a half. From the disk it stands beside a copy, which lies there as a copy does.
/// </summary>
internal static class SealedReads
{
    private const string Model = "sealed";
    private const string Weights = "weights.bin";
    private const int Passes = 5;

    private sealed record Shape(string What, ReadOrder Order, double Goal);

    public static async Task RunAsync(Bench bench)
    {
        var size = bench.Options.Size / 2;
        bench.Origin.Add(Model, [Weights], size, Origin.Formula);
        using var scratch = bench.Scratch();
        await using var daemon = await bench.MountAsync(scratch, bench.Nginx.Uri);
        await using var reader = await Reader.StartAsync(bench.Cancellation);
        await using var early = await Reader.StartAsync(bench.Cancellation);
        var copy = scratch.File("copy");
        File.Copy(bench.Origin.PathOf(Model, Weights), copy);
        var mounted = daemon.PathOf(Model, Weights);

        // Whoever opened the file before it was complete is served by the daemon to the end.
        await bench.AskAsync(early, new(ReadPattern.Open, [mounted]));
        await bench.AskAsync(reader, new(ReadPattern.Verify, [mounted]));
        var mode = await Daemon.SealedAsync(mounted, bench.Cancellation);
        var native = CacheFiles().Single(file => new FileInfo(file).Length == size);

        foreach (var shape in Shapes(size))
        {
            var rounds = await Rounds.RunPreparedAsync(bench, shape.What, WarmAsync, Fastest("native", shape.Order, native), Fastest("mount", shape.Order, mounted));
            bench.Add($"{shape.What}, rate / native ({mode})", "", rounds.Speedups("mount", "native"), Goal.AtLeast(shape.Goal), headline: true);
        }

        var whole = new ReadOrder(ReadPattern.Sequential, []);
        var dropped = await Rounds.RunAsync(
            bench, "from the disk",
            Dropped("native", copy), Dropped("mount", mounted));
        bench.Add($"sequential 1 MiB, page cache dropped, rate / a native copy ({mode})", "", dropped.Speedups("mount", "native"), Goal.AtLeast(0.97));

        foreach (var shape in Shapes(size).Where(shape => shape.Order.Pattern is ReadPattern.Sequential or ReadPattern.Random))
        {
            var order = shape.Order with { Forget = true };
            var rounds = await Rounds.RunPreparedAsync(bench, $"served {shape.What}", WarmAsync, Served("native", shape.Order, native), Served("mount", order, mounted));
            bench.Add($"{shape.What} served by the daemon, nothing in the mount's page cache, rate / native", "", rounds.Speedups("mount", "native"));
        }

        IEnumerable<string> CacheFiles() => Directory.EnumerateFiles(Daemon.CacheOf(scratch.Directory), "*", SearchOption.AllDirectories);

        // Anew for each round: some pages are faster than others, and whoever touches one first pays for that.
        Task WarmAsync() => SealedReads.WarmAsync(bench, scratch, reader, [native, native]);

        Contestant Dropped(string name, string path) => new(name, async _ =>
        {
            bench.ForgetPages([copy, mounted, .. CacheFiles()]);
            return await ReadAsync(reader, whole, path);
        });

        // It takes a tenth of a second: the fastest of several is what nobody else on the machine took a part of.
        Contestant Fastest(string name, ReadOrder order, string path) => new(name, async _ =>
        {
            var samples = new List<Sample>();
            while (samples.Count < Passes)
                samples.Add(await ReadAsync(reader, order, path));
            return samples.MinBy(sample => sample.Seconds)!;
        });

        Contestant Served(string name, ReadOrder order, string path) => new(name, _ => ReadAsync(early, order, path));

        async Task<Sample> ReadAsync(Reader by, ReadOrder order, string path) =>
            new((await bench.AskAsync(by, order with { Paths = [path] })).Seconds);
    }

    /// <summary>Both come into the page cache by being read: pages that were written are larger or smaller ones, and no rival has others than we.</summary>
    public static async Task WarmAsync(Bench bench, Scratch scratch, Reader reader, IReadOnlyList<string> paths)
    {
        bench.ForgetPages([.. paths, .. Directory.EnumerateFiles(Daemon.CacheOf(scratch.Directory), "*", SearchOption.AllDirectories)]);
        var order = paths.ToArray();
        bench.Random.Shuffle(order);
        foreach (var path in order)
            await bench.AskAsync(reader, new(ReadPattern.Sequential, [path]));
    }

    private static IReadOnlyList<Shape> Shapes(long size) =>
    [
        new("sequential 1 MiB", new(ReadPattern.Sequential, []), 0.97),
        new("sequential 128 KiB", new(ReadPattern.Sequential, []) { Block = 128 << 10 }, 0.97),
        new("random 256 KiB", new(ReadPattern.Random, []) { Block = 256 << 10, Count = (int)(size >> 18) }, 0.97),
        new("random 4 KiB", new(ReadPattern.Random, []) { Block = 4 << 10, Count = (int)Math.Min(200_000, size >> 12) }, 0.90),
        new("mmap, sequential", new(ReadPattern.Mapped, []), 0.97),
        new("mmap, a page at random", new(ReadPattern.MappedRandom, []) { Count = (int)Math.Min(50_000, size >> 12) }, 0.97),
    ];
}
