using System.Diagnostics;
using ModelFs.Benchmarks.Figures;
using ModelFs.Benchmarks.Reading;
using ModelFs.Benchmarks.Rigs;

namespace ModelFs.Benchmarks.Parts;

/// <summary>A whole file for the first time, through us, through rclone, and by two downloads to the same disk.</summary>
internal static class ColdReads
{
    private const string Model = "cold";
    private const string Weights = "weights.bin";
    private const string Sequential = "modelfs";
    private const string Fresh = "modelfs, first file of a daemon";
    private const string Mapped = "modelfs, mmap";

    public static async Task RunAsync(Bench bench)
    {
        var size = bench.Options.Size;
        bench.Origin.Add(Model, [Weights], size, Origin.Formula);
        await using var reader = await Reader.StartAsync(bench.Cancellation);
        var contestants = new List<Contestant>
        {
            new("curl", _ => CurlAsync(bench, reader)),
            new(Sequential, first => MountedAsync(bench, reader, ReadPattern.Sequential, first)),
            new(Mapped, first => MountedAsync(bench, reader, ReadPattern.Mapped, first)),
            new(Fresh, first => MountedAsync(bench, reader, ReadPattern.Sequential, first, isFresh: true)),
        };
        if (bench.Has(Tool.Aria2))
            contestants.Add(new("aria2c", _ => DownloadAsync(bench, Tool.Aria2, Aria2(bench))));
        if (bench.Has(Tool.Rclone))
            contestants.Add(new("rclone", _ => RcloneAsync(bench, reader)));
        var rounds = await Rounds.RunAsync(bench, "cold", contestants);

        bench.Add("cold sequential read, time / `curl -o` to the same disk", "", rounds.Ratios(Sequential, "curl", Seconds), Goal.AtMost(1.10), headline: true);
        bench.Add("the same of the first file of a daemon", "", rounds.Ratios(Fresh, "curl", Seconds));
        if (bench.Has(Tool.Rclone))
            bench.Add("cold sequential read, times faster than `rclone mount --vfs-cache-mode full`", "", rounds.Speedups(Sequential, "rclone"), Goal.AtLeast(3), headline: true);
        if (bench.Has(Tool.Aria2))
            bench.Add("cold sequential read, time / `aria2c -x16`", "", rounds.Ratios(Sequential, "aria2c", Seconds));
        bench.Add("cold read through mmap, time / cold sequential read", "", rounds.Ratios(Mapped, Sequential, Seconds), Goal.AtMost(1.25), headline: true);
        bench.Add("second read right after the cold one, rate / second read of what `curl` wrote", "", [.. rounds.Values("curl", s => s.AgainSeconds)
            .Zip(rounds.Values(Sequential, s => s.AgainSeconds), (native, mount) => native / mount)], headline: true);
        bench.Add("cold sequential read, bytes from the origin / size", "", rounds.Values(Sequential, s => s.OriginBytes / size), Goal.AtMost(1.01));
        foreach (var contestant in contestants)
        {
            bench.Add($"{contestant.Name}: rate", "MiB/s", rounds.Values(contestant.Name, s => size / s.Seconds / (1 << 20)));
            bench.Add($"{contestant.Name}: processor time, reader and daemon", "s/GiB", rounds.Values(contestant.Name, s => s.CpuSeconds / size * (1 << 30)));
        }
    }

    private static double Seconds(Sample sample) => sample.Seconds;

    private static async Task<Sample> CurlAsync(Bench bench, Reader reader)
    {
        using var scratch = bench.Scratch();
        var file = scratch.File(Weights);
        var sample = await DownloadAsync(bench, Tool.Curl, ["-s", "-S", "-f", "-o", file, Origin.Url(bench.Nginx.Uri, Model, Weights)]);
        var order = new ReadOrder(ReadPattern.Sequential, [file]);
        return sample with { AgainSeconds = (await bench.AskAsync(reader, order)).Seconds };
    }

    private static Func<string, IEnumerable<string>> Aria2(Bench bench) => directory =>
    [
        "-q", "-x16", "-s16", "-k1M", "--file-allocation=none", "--no-conf", "-d", directory, "-o", Weights, Origin.Url(bench.Nginx.Uri, Model, Weights),
    ];

    private static async Task<Sample> DownloadAsync(Bench bench, Tool tool, Func<string, IEnumerable<string>> arguments)
    {
        using var scratch = bench.Scratch();
        return await DownloadAsync(bench, tool, arguments(scratch.Directory));
    }

    private static async Task<Sample> DownloadAsync(Bench bench, Tool tool, IEnumerable<string> arguments)
    {
        bench.ForgetPages();
        var cpu = Child.CpuSecondsOfEnded();
        var start = Stopwatch.GetTimestamp();
        await Child.RunAsync(tool.Path, bench.Cancellation, arguments);
        return new Sample(Stopwatch.GetElapsedTime(start).TotalSeconds) { CpuSeconds = Child.CpuSecondsOfEnded() - cpu };
    }

    private static async Task<Sample> MountedAsync(Bench bench, Reader reader, ReadPattern pattern, bool verify, bool isFresh = false)
    {
        using var scratch = bench.Scratch();
        await using var daemon = isFresh ? await bench.MountAsync(scratch, bench.Nginx.Uri) : await bench.MountServedAsync(scratch, bench.Nginx.Uri, reader);
        var sent = await bench.Nginx.SentAsync(bench.Cancellation);
        var sample = await ReadAsync(bench, reader, daemon, pattern);
        sample = sample with { OriginBytes = await bench.Nginx.SentAsync(bench.Cancellation) - sent };
        if (verify)
            await bench.AskAsync(reader, new(ReadPattern.Verify, [daemon.PathOf(Model, Weights)]));
        return sample;
    }

    private static async Task<Sample> RcloneAsync(Bench bench, Reader reader)
    {
        using var scratch = bench.Scratch();
        await using var daemon = await Daemon.StartRcloneAsync(scratch.Directory, bench.Nginx.Uri, bench.Cancellation);
        return await ReadAsync(bench, reader, daemon, ReadPattern.Sequential);
    }

    private static async Task<Sample> ReadAsync(Bench bench, Reader reader, Daemon daemon, ReadPattern pattern)
    {
        bench.ForgetPages();
        var cpu = daemon.Process.CpuSeconds();
        var order = new ReadOrder(pattern, [daemon.PathOf(Model, Weights)]);
        var cold = await bench.AskAsync(reader, order);
        var spent = daemon.Process.CpuSeconds() - cpu + cold.CpuSeconds;
        var again = await bench.AskAsync(reader, order);
        return new Sample(cold.OpenSeconds + cold.Seconds) { CpuSeconds = spent, AgainSeconds = again.Seconds };
    }
}
