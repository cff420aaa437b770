using ModelFs.Benchmarks.Figures;
using ModelFs.Benchmarks.Reading;
using ModelFs.Benchmarks.Rigs;

namespace ModelFs.Benchmarks.Parts;

/// <summary>Reads all over a cold file: what is fetched for them, and how long the slowest waits.</summary>
internal static class RandomReads
{
    private const string Model = "random";
    private const string Weights = "weights.bin";
    private const int Threads = 8;
    private const int Faults = 64;

    public static async Task RunAsync(Bench bench)
    {
        bench.Origin.Add(Model, [Weights], bench.Options.Size, Origin.Sparse);
        using var link = new Link(bench.Nginx.Port, double.PositiveInfinity, Connections.RoundTrip);
        await using var reader = await Reader.StartAsync(bench.Cancellation);
        var reads = new ReadOrder(ReadPattern.Random, []) { Block = 256 << 10, Count = 16, Threads = Threads };
        var faults = new ReadOrder(ReadPattern.MappedRandom, []) { Count = Faults };
        var contestants = new List<Contestant>
        {
            new("modelfs", _ => ReadAsync(bench, reader, link, Daemon.StartAsync, reads)),
            new("modelfs, mmap", _ => ReadAsync(bench, reader, link, Daemon.StartAsync, faults)),
        };
        if (bench.Has(Tool.Rclone))
            contestants.Add(new("rclone", _ => ReadAsync(bench, reader, link, Daemon.StartRcloneAsync, reads)));
        var rounds = await Rounds.RunAsync(bench, "random", contestants);

        var asked = (double)reads.Count * reads.Block * Threads;
        bench.Add("cold random 256 KiB, 8 threads: bytes fetched / bytes asked", "", rounds.Values("modelfs", Fetched), Goal.AtMost(2.5), headline: true);
        bench.Add("cold random 256 KiB, 8 threads: the slowest read", "s", rounds.Values("modelfs", sample => sample.SlowestSeconds), Goal.AtMost(1), headline: true);
        bench.Add("cold random 256 KiB, 8 threads: rate", "MiB/s", rounds.Values("modelfs", sample => asked / sample.Seconds / (1 << 20)));
        bench.Add("a cold page fault at random: bytes fetched", "MiB", rounds.Values("modelfs, mmap", sample => sample.OriginBytes / Faults / (1 << 20)), Goal.AtMost(1), headline: true);
        if (!bench.Has(Tool.Rclone))
            return;
        bench.Add("rclone: bytes fetched / bytes asked", "", rounds.Values("rclone", Fetched));
        bench.Add("rclone: the slowest read", "s", rounds.Values("rclone", sample => sample.SlowestSeconds));
        bench.Add("rclone: rate", "MiB/s", rounds.Values("rclone", sample => asked / sample.Seconds / (1 << 20)));

        double Fetched(Sample sample) => sample.OriginBytes / asked;
    }

    private static async Task<Sample> ReadAsync(
        Bench bench, Reader reader, Link link, Func<string, Uri, CancellationToken, Task<Daemon>> mount, ReadOrder order)
    {
        using var scratch = bench.Scratch();
        var sent = await bench.Nginx.SentAsync(bench.Cancellation);
        ReadReport report;
        await using (var daemon = await mount(scratch.Directory, link.Uri, bench.Cancellation))
            report = await bench.AskAsync(reader, order with { Paths = [daemon.PathOf(Model, Weights)], Seed = bench.Random.Next() });
        // The daemon is gone, and with it whatever it was still fetching.
        return new(report.Seconds)
        {
            SlowestSeconds = report.Slowest,
            OriginBytes = await bench.Nginx.SentAsync(bench.Cancellation) - sent,
        };
    }
}
