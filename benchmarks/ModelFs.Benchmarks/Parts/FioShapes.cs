using System.Globalization;
using System.Text.Json;
using ModelFs.Benchmarks.Figures;
using ModelFs.Benchmarks.Reading;
using ModelFs.Benchmarks.Rigs;

namespace ModelFs.Benchmarks.Parts;

/// <summary>The job shapes that mountpoint-s3, hf-mount and gcsfuse publish, by fio: another reader than ours, on a complete file and on a cold one.</summary>
internal static class FioShapes
{
    private const string Model = "fio";
    private const string Weights = "weights.bin";
    private const string Lazy = "cold";

    private sealed record Job(string What, string Pattern, string Block, int Jobs);

    private static readonly IReadOnlyList<Job> Warm =
    [
        new("sequential 256 KiB", "read", "256k", 1),
        new("sequential 256 KiB, 4 jobs", "read", "256k", 4),
        new("random 256 KiB", "randread", "256k", 1),
        new("random 256 KiB, 4 jobs", "randread", "256k", 4),
        new("random 4 KiB", "randread", "4k", 1),
        new("random 4 KiB, 4 jobs", "randread", "4k", 4),
    ];

    public static async Task RunAsync(Bench bench)
    {
        if (!bench.Has(Tool.Fio))
            return;
        var size = bench.Options.Size / 4;
        bench.Origin.Add(Model, [Weights, Lazy], size, Origin.Formula);
        using var scratch = bench.Scratch();
        await using var daemon = await bench.MountAsync(scratch, bench.Nginx.Uri);
        await using var reader = await Reader.StartAsync(bench.Cancellation);
        var native = scratch.File("native");
        File.Copy(bench.Origin.PathOf(Model, Weights), native);
        var mounted = daemon.PathOf(Model, Weights);
        await bench.AskAsync(reader, new(ReadPattern.Sequential, [mounted]));
        var mode = await Daemon.SealedAsync(mounted, bench.Cancellation);
        await SealedReads.WarmAsync(bench, scratch, reader, [native, mounted]);
        foreach (var job in Warm)
        {
            var rounds = await Rounds.RunAsync(
                bench, job.What,
                new("native", _ => RunAsync(bench, job, native)),
                new("mount", _ => RunAsync(bench, job, mounted)));
            bench.Add($"fio, {job.What}, rate / native ({mode})", "", rounds.Speedups("mount", "native"));
            bench.Add($"fio, {job.What}: rate", "MiB/s", rounds.Values("mount", sample => 1 / sample.Seconds / (1 << 20)));
        }

        using var link = new Link(bench.Nginx.Port, double.PositiveInfinity, TimeSpan.FromMilliseconds(30));
        var cold = await Rounds.RunAsync(bench, "cold", new Contestant("mount", async _ =>
        {
            using var empty = bench.Scratch();
            await using var far = await bench.MountAsync(empty, link.Uri);
            return await RunAsync(bench, new("", "randread", "4m", 8), far.PathOf(Model, Lazy), "--number_ios=30");
        }));
        bench.Add("fio, cold, 30 ms away, 8 threads, 30 random reads of 4 MiB each: rate", "MiB/s", cold.Values("mount", sample => 1 / sample.Seconds / (1 << 20)));
        bench.Add("the same: the slowest read", "s", cold.Values("mount", sample => sample.SlowestSeconds));
    }

    /// <returns>Seconds for one byte, so that a speed is a ratio of times here as elsewhere.</returns>
    private static async Task<Sample> RunAsync(Bench bench, Job job, string path, params string[] options)
    {
        var json = await Child.RunAsync(
            Tool.Fio.Path, bench.Cancellation,
            ["--name=job", "--output-format=json", "--readonly", "--ioengine=psync", "--thread", "--group_reporting", "--invalidate=0", "--randrepeat=0",
                $"--rw={job.Pattern}", $"--bs={job.Block}", $"--numjobs={job.Jobs}", $"--filename={path}", .. options is [] ? ["--runtime=1", "--time_based"] : options]);
        using var document = JsonDocument.Parse(json[json.IndexOf('{', StringComparison.Ordinal)..]);
        var read = document.RootElement.GetProperty("jobs")[0].GetProperty("read");
        return new(1 / read.GetProperty("bw_bytes").GetDouble()) { SlowestSeconds = read.GetProperty("clat_ns").GetProperty("max").GetDouble() / 1e9 };
    }
}
