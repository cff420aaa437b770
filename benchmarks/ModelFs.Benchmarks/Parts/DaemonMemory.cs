using ModelFs.Benchmarks.Figures;
using ModelFs.Benchmarks.Reading;
using ModelFs.Benchmarks.Rigs;

namespace ModelFs.Benchmarks.Parts;

/// <summary>Sixty-four threads read sixty-four cold files, and then two more such sets: what the daemon takes, and whether it grows.</summary>
internal static class DaemonMemory
{
    private const int Files = 64;
    private const int Sets = 3;

    public static async Task RunAsync(Bench bench)
    {
        var names = Enumerable.Range(1, Files).Select(number => $"{number}.bin").ToArray();
        for (var set = 0; set < Sets; set++)
            bench.Origin.Add(Model(set), names, Math.Max(1 << 20, bench.Options.Size / 2 / Files), Origin.Sparse);
        await using var reader = await Reader.StartAsync(bench.Cancellation);
        var first = new List<double>();
        var last = new List<double>();
        await Rounds.RunAsync(bench, "memory", new Contestant("modelfs", async uncounted =>
        {
            using var scratch = bench.Scratch();
            await using var daemon = await bench.MountAsync(scratch, bench.Nginx.Uri);
            var peaks = new List<double>();
            for (var set = 0; set < Sets; set++)
            {
                var order = new ReadOrder(ReadPattern.Sequential, [.. names.Select(name => daemon.PathOf(Model(set), name))]) { Threads = Files };
                await bench.AskAsync(reader, order);
                peaks.Add(daemon.Process.Memory("VmHWM"));
            }

            if (!uncounted)
            {
                first.Add(peaks[0]);
                last.Add(peaks[^1]);
            }

            return new(0);
        }));
        bench.Add("64 readers of 64 cold files, three times over: VmHWM of the daemon", "MiB", [.. last.Select(bytes => bytes / (1 << 20))], Goal.AtMost(256), headline: true);
        bench.Add("VmHWM after the third set / after the first", "", [.. last.Zip(first, (end, begin) => end / begin)], Goal.AtMost(1.1));
    }

    private static string Model(int set) => $"memory-{set + 1}";
}
