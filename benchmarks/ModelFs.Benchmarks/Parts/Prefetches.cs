using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using ModelFs.Benchmarks.Figures;
using ModelFs.Benchmarks.Rigs;

namespace ModelFs.Benchmarks.Parts;

/// <summary><c>modelfs prefetch</c> without a daemon, beside tools that download the same files to the same disk.</summary>
internal static class Prefetches
{
    private const double Limit = 100e6; // bytes per second of one connection

    /// <summary>What the two other tools have running side by side.</summary>
    private const string Connections = "16";

    public static async Task RunAsync(Bench bench)
    {
        // At the default size of a run: one file of 2 GiB, 1000 of 1 MiB, 10 000 of 10 KiB.
        var unit = bench.Options.Size >> 11;
        await CompareAsync(bench, "large", 1, bench.Options.Size);
        await CompareAsync(bench, "medium", 1000, unit);
        await CompareAsync(bench, "small", 10_000, Math.Max(1, unit / 100 >> 10) << 10);
    }

    public static async Task LimitedAsync(Bench bench)
    {
        const string Model = "prefetch-limited";
        var size = bench.Options.Size / 2;
        var set = new FileSet(bench, Model, 1, size);
        using var link = new Link(bench.Nginx.Port, Limit, TimeSpan.Zero);
        var contestants = new List<Contestant> { new("prefetch", _ => PrefetchAsync(bench, set, link.Uri)) };
        if (bench.Has(Tool.Aria2))
            contestants.Add(new("aria2c", _ => DownloadAsync(bench, Tool.Aria2, set, link.Uri)));
        var rounds = await Rounds.RunAsync(bench, "prefetch, 100 MB/s a connection", contestants);
        bench.Add("prefetch, 100 MB/s a connection: rate / one connection's", "", rounds.Values("prefetch", s => size / s.Seconds / Limit), Goal.AtLeast(6), headline: true);
        if (bench.Has(Tool.Aria2))
            bench.Add("the same of `aria2c -x16`", "", rounds.Values("aria2c", s => size / s.Seconds / Limit));
    }

    private static async Task CompareAsync(Bench bench, string model, int count, long size)
    {
        var set = new FileSet(bench, "prefetch-" + model, count, size);
        var contestants = new List<Contestant>
        {
            new("prefetch", _ => PrefetchAsync(bench, set, bench.Nginx.Uri)),
            new("curl", _ => DownloadAsync(bench, Tool.Curl, set, bench.Nginx.Uri)),
        };
        if (bench.Has(Tool.Aria2))
            contestants.Add(new("aria2c", _ => DownloadAsync(bench, Tool.Aria2, set, bench.Nginx.Uri)));
        var rounds = await Rounds.RunAsync(bench, $"prefetch, {set.Title}", contestants);
        foreach (var other in contestants.Skip(1))
        {
            var command = other.Name == "curl" ? count == 1 ? "curl -o" : $"curl -Z --parallel-max {Connections}" : $"aria2c -x{Connections} -j{Connections}";
            bench.Add($"prefetch of {set.Title}, time / `{command}`", "", rounds.Ratios("prefetch", other.Name, s => s.Seconds), other.Name == "curl" ? null : Goal.AtMost(1));
            bench.Add($"the same, time / that and `sync`", "", rounds.Ratios("prefetch", other.Name, s => s.AgainSeconds));
        }

        bench.Add($"prefetch of {set.Title}: bytes from the origin / size", "", rounds.Values("prefetch", s => s.OriginBytes / set.Bytes), Goal.AtMost(1.01));
        foreach (var contestant in contestants)
        {
            bench.Add($"{set.Title}, {contestant.Name}", "s", rounds.Values(contestant.Name, s => s.Seconds));
            bench.Add($"{set.Title}, {contestant.Name}: processor time", "s", rounds.Values(contestant.Name, s => s.CpuSeconds));
        }
    }

    /// <exception cref="BenchmarkException">Not every file is sealed at the end.</exception>
    private static async Task<Sample> PrefetchAsync(Bench bench, FileSet set, Uri server)
    {
        using var scratch = bench.Scratch();
        string[] where = ["--cache", Daemon.CacheOf(scratch.Directory), "--registry", $"MLFLOW=mlflow:{server}", "--log-level", "warning"];
        var sent = await bench.Nginx.SentAsync(bench.Cancellation);
        var sample = await MeasureAsync(bench, Daemon.Program, ["prefetch", $"MLFLOW/{set.Model}/1", .. where]);
        sample = sample with { OriginBytes = await bench.Nginx.SentAsync(bench.Cancellation) - sent };
        using var info = JsonDocument.Parse(await Child.RunAsync(Daemon.Program, bench.Cancellation, ["cache", "info", "--json", .. where]));
        var complete = info.RootElement.GetProperty("cache").GetProperty("sealed").GetInt64();
        return complete == set.Files.Count ? sample : throw new BenchmarkException($"{complete} of {set.Files.Count} files were complete after prefetch");
    }

    private static async Task<Sample> DownloadAsync(Bench bench, Tool tool, FileSet set, Uri server)
    {
        using var scratch = bench.Scratch();
        var list = scratch.File("list");
        await File.WriteAllLinesAsync(list, set.Files.SelectMany(file => Entry(tool, scratch.File(file), Origin.Url(server, set.Model, file))));
        return await MeasureAsync(bench, tool.Path, tool == Tool.Curl
            ? ["-s", "-S", "-f", "-Z", "--parallel-max", Connections, "-K", list]
            : ["-q", "-x" + Connections, "-s" + Connections, "-j" + Connections, "-k1M", "--file-allocation=none", "--no-conf", "-i", list]);
    }

    private static string[] Entry(Tool tool, string path, string url) => tool == Tool.Curl
        ? [$"url = \"{url}\"", $"output = \"{path}\""]
        : [url, $" dir={Path.GetDirectoryName(path)}", $" out={Path.GetFileName(path)}"];

    /// <summary>A prefetched file is on the disk when it is done; a downloaded one after a <c>sync</c>, by which <see cref="Sample.AgainSeconds"/> is longer.</summary>
    private static async Task<Sample> MeasureAsync(Bench bench, string program, IEnumerable<string> arguments)
    {
        bench.ForgetPages();
        var cpu = Child.CpuSecondsOfEnded();
        var start = Stopwatch.GetTimestamp();
        await Child.RunAsync(program, bench.Cancellation, arguments);
        var seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        Linux.Sync();
        return new Sample(seconds) { CpuSeconds = Child.CpuSecondsOfEnded() - cpu, AgainSeconds = Stopwatch.GetElapsedTime(start).TotalSeconds };
    }

    private sealed class FileSet
    {
        public FileSet(Bench bench, string model, int count, long size)
        {
            (Model, Bytes) = (model, count * size);
            Files = [.. Enumerable.Range(0, count).Select(i => string.Create(CultureInfo.InvariantCulture, $"{i:00000}.bin"))];
            var length = size >= 1 << 30 ? $"{size >> 30} GiB" : size >= 1 << 20 ? $"{size >> 20} MiB" : $"{size >> 10} KiB";
            Title = count == 1 ? $"one file of {length}" : $"{count} files of {length}";
            bench.Origin.Clear();
            bench.Origin.Add(model, Files, size, Origin.Formula);
        }

        public string Model { get; }

        public long Bytes { get; }

        public string Title { get; }

        public IReadOnlyList<string> Files { get; }
    }
}
