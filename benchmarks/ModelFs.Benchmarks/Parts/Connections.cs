using System.Diagnostics;
using ModelFs.Benchmarks.Figures;
using ModelFs.Benchmarks.Reading;
using ModelFs.Benchmarks.Rigs;

namespace ModelFs.Benchmarks.Parts;

/// <summary>Origins that are slow a connection, or far away.</summary>
internal static class Connections
{
    public static readonly TimeSpan RoundTrip = TimeSpan.FromMilliseconds(20);

    private const double Limit = 100e6; // bytes per second of one connection
    private const string Weights = "weights.bin";
    private const int FirstBytes = 9;

    public static async Task LimitedAsync(Bench bench)
    {
        const string Model = "limited";
        var size = bench.Options.Size / 2;
        bench.Origin.Add(Model, [Weights], size, Origin.Formula);
        using var link = new Link(bench.Nginx.Port, Limit, TimeSpan.Zero);
        await using var reader = await Reader.StartAsync(bench.Cancellation);
        // One connection's rate is known after a part of the file; the whole of it takes ten seconds.
        var part = Math.Min(size, 256L << 20);
        var contestants = new List<Contestant>
        {
            new("curl", async _ => new(await DownloadAsync(bench, Tool.Curl, link, Model, $"-r0-{part - 1}") / part * size)),
            new("modelfs", _ => MountedAsync(bench, reader, link, Model)),
        };
        if (bench.Has(Tool.Aria2))
            contestants.Add(new("aria2c", async _ => new(await DownloadAsync(bench, Tool.Aria2, link, Model, "-x16", "-s16", "-k1M", "--file-allocation=none"))));
        var rounds = await Rounds.RunAsync(bench, "limited", contestants);
        bench.Add("100 MB/s a connection: rate / one connection's", "", rounds.Speedups("modelfs", "curl"), Goal.AtLeast(6), headline: true);
        if (bench.Has(Tool.Aria2))
            bench.Add("the same of `aria2c -x16`", "", rounds.Speedups("aria2c", "curl"));
        foreach (var contestant in contestants)
            bench.Add($"{contestant.Name}: rate", "MB/s", rounds.Values(contestant.Name, sample => size / sample.Seconds / 1e6));
    }

    public static async Task LatencyAsync(Bench bench)
    {
        const string Model = "latency";
        bench.Origin.Add(Model, [Weights], bench.Options.Size / 2, Origin.Formula);
        using var near = new Link(bench.Nginx.Port, double.PositiveInfinity, TimeSpan.Zero);
        using var far = new Link(bench.Nginx.Port, double.PositiveInfinity, RoundTrip);
        await using var reader = await Reader.StartAsync(bench.Cancellation);
        var rounds = await Rounds.RunAsync(
            bench, "latency",
            new("near", _ => MountedAsync(bench, reader, near, Model)),
            new("far", _ => MountedAsync(bench, reader, far, Model)),
            new("curl near", async _ => new(await DownloadAsync(bench, Tool.Curl, near, Model))),
            new("curl far", async _ => new(await DownloadAsync(bench, Tool.Curl, far, Model))));
        bench.Add("20 ms away: rate of a cold sequential read / without the 20 ms", "", rounds.Speedups("far", "near"), Goal.AtLeast(0.8), headline: true);
        bench.Add("the same of `curl`, with one question", "", rounds.Speedups("curl far", "curl near"));
        bench.Add("20 ms away: time / `curl -o`", "", rounds.Ratios("far", "curl far", sample => sample.Seconds));
    }

    public static async Task FirstByteAsync(Bench bench)
    {
        const string Model = "firstbyte";
        var size = bench.Options.Size * 5;
        bench.Origin.Add(Model, [Weights], size, Origin.Sparse);
        using var link = new Link(bench.Nginx.Port, double.PositiveInfinity, RoundTrip);
        await using var reader = await Reader.StartAsync(bench.Cancellation);
        var first = new List<double>();
        var later = new List<double>();
        await Rounds.RunAsync(bench, "first byte", new Contestant("modelfs", async uncounted =>
        {
            using var scratch = bench.Scratch();
            await using var daemon = await bench.MountAsync(scratch, link.Uri);
            // Where the file is, and how long, is known: what is asked for is its bytes.
            var path = daemon.PathOf(Model, Weights);
            _ = new FileInfo(path).Length;
            var order = new ReadOrder(ReadPattern.Random, [path]) { Block = 4 << 10, Count = FirstBytes, Seed = bench.Random.Next() };
            var reads = (await bench.AskAsync(reader, order)).Reads!.Select(seconds => (seconds - RoundTrip.TotalSeconds) * 1e3).ToList();
            if (!uncounted)
            {
                first.Add(reads[0]);
                later.Add(Figure.MedianOf(reads[1..]));
            }

            return new Sample(reads[0]);
        }));
        bench.Add("first byte at a random place, milliseconds over one round trip", "ms", later, Goal.AtMost(5), headline: true);
        bench.Add("the first such read of a mount, milliseconds over one round trip", "ms", first);
    }

    private static async Task<double> DownloadAsync(Bench bench, Tool tool, Link link, string model, params string[] options)
    {
        using var scratch = bench.Scratch();
        bench.ForgetPages();
        string[] target = tool == Tool.Aria2
            ? ["-q", "--no-conf", "-d", scratch.Directory, "-o", Weights]
            : ["-s", "-S", "-f", "-o", scratch.File(Weights)];
        var start = Stopwatch.GetTimestamp();
        await Child.RunAsync(tool.Path, bench.Cancellation, [.. target, .. options, Origin.Url(link.Uri, model, Weights)]);
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    private static async Task<Sample> MountedAsync(Bench bench, Reader reader, Link link, string model)
    {
        using var scratch = bench.Scratch();
        await using var daemon = await bench.MountServedAsync(scratch, link.Uri, reader);
        bench.ForgetPages();
        var report = await bench.AskAsync(reader, new(ReadPattern.Sequential, [daemon.PathOf(model, Weights)]));
        return new(report.OpenSeconds + report.Seconds);
    }
}
