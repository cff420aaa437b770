using System.Diagnostics;
using ModelFs.Benchmarks.Figures;
using ModelFs.Benchmarks.Reading;
using ModelFs.Benchmarks.Rigs;

namespace ModelFs.Benchmarks.Parts;

/// <summary>Tensor-parallel ranks: each of eight processes maps all four shards, none of which is here yet.</summary>
internal static class Shards
{
    private const string Model = "shards";
    private const int Processes = 8;

    private static readonly string[] Files = ["1.safetensors", "2.safetensors", "3.safetensors", "4.safetensors"];

    public static async Task RunAsync(Bench bench)
    {
        var size = bench.Options.Size / 8;
        bench.Origin.Add(Model, Files, size, Origin.Tensors);
        var readers = new List<Reader>();
        try
        {
            while (readers.Count < Processes)
                readers.Add(await Reader.StartAsync(bench.Cancellation));
            var rounds = await Rounds.RunAsync(
                bench, "shards",
                new("one", _ => LoadAsync(bench, readers[..1])),
                new("eight", _ => LoadAsync(bench, readers)),
                new("native", _ => MapAsync(bench, readers)));
            bench.Add("8 processes map 4 cold shards: bytes from the origin / size", "", rounds.Values("eight", s => s.OriginBytes / size / Files.Length), Goal.AtMost(1.01), headline: true);
            bench.Add("8 processes map 4 cold shards: time / one process's", "", rounds.Ratios("eight", "one", s => s.Seconds), Goal.AtMost(1.15), headline: true);
            // What seven processes more cost these cores, whoever brings the bytes.
            bench.Add("8 processes map the 4 files natively, in memory: time / one process's cold", "", rounds.Ratios("native", "one", s => s.Seconds));
            bench.Add("one process", "s", rounds.Values("one", s => s.Seconds));
        }
        finally
        {
            foreach (var reader in readers)
                await reader.DisposeAsync();
        }
    }

    private static async Task<Sample> LoadAsync(Bench bench, IReadOnlyList<Reader> readers)
    {
        using var scratch = bench.Scratch();
        await using var daemon = await bench.MountServedAsync(scratch, bench.Nginx.Uri, readers[0]);
        bench.ForgetPages();
        var sent = await bench.Nginx.SentAsync(bench.Cancellation);
        var seconds = await MapAsync(bench, readers, file => daemon.PathOf(Model, file));
        return new(seconds) { OriginBytes = await bench.Nginx.SentAsync(bench.Cancellation) - sent };
    }

    private static async Task<Sample> MapAsync(Bench bench, IReadOnlyList<Reader> readers) =>
        new(await MapAsync(bench, readers, file => bench.Origin.PathOf(Model, file)));

    private static async Task<double> MapAsync(Bench bench, IReadOnlyList<Reader> readers, Func<string, string> pathOf)
    {
        var start = Stopwatch.GetTimestamp();
        var order = new ReadOrder(ReadPattern.Mapped, [.. Files.Select(pathOf)]);
        await Task.WhenAll(readers.Select(reader => bench.AskAsync(reader, order)));
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }
}
