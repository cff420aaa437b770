using ModelFs.Benchmarks.Parts;
using ModelFs.Benchmarks.Rigs;

namespace ModelFs.Benchmarks.Figures;

/// <summary>A question that a run answers with some rows of its table.</summary>
internal sealed record Part(string Name, string Title, IReadOnlyList<Tool> Tools, Func<Bench, Task> RunAsync)
{
    public static IReadOnlyList<Part> All { get; } =
    [
        new("sealed", "A complete file beside the same file read natively", [], SealedReads.RunAsync),
        new("names", "How fast names are told, what they cost, and how soon the first one comes", [], NameReads.RunAsync),
        new("cold", "The first read of a file", [Tool.Curl, Tool.Aria2, Tool.Rclone], ColdReads.RunAsync),
        new("ready", "From nothing to the last tensor, beside download-then-load", [Tool.Curl], ReadyToServe.RunAsync),
        new("prefetch", "Files fetched ahead of time, beside the same downloads", [Tool.Curl, Tool.Aria2], Prefetches.RunAsync),
        new("prefetch-limited", "The same from an origin that gives each connection 100 MB/s", [Tool.Aria2], Prefetches.LimitedAsync),
        new("limited", "An origin that gives each connection 100 MB/s", [Tool.Curl, Tool.Aria2], Connections.LimitedAsync),
        new("latency", "An origin 20 ms away", [Tool.Curl], Connections.LatencyAsync),
        new("firstbyte", "The first byte at a random place of a cold file of 10 GiB, 20 ms away", [], Connections.FirstByteAsync),
        new("random", "Cold reads at random, 20 ms away", [Tool.Rclone], RandomReads.RunAsync),
        new("shards", "Eight processes map the same four cold files", [], Shards.RunAsync),
        new("memory", "The daemon's memory under 64 readers of 64 cold files", [], DaemonMemory.RunAsync),
        new("index", "The index of a large cache", [], IndexScale.RunAsync),
        new("fio", "fio on a complete file", [Tool.Fio], FioShapes.RunAsync),
        new("code", "In memory, by BenchmarkDotNet in this process", [], Code.RunAsync),
    ];

    public static Part Named(string name) => All.FirstOrDefault(part => part.Name == name)
        ?? throw new BenchmarkException($"there is no part {name}: there is {string.Join(", ", All.Select(part => part.Name))}");
}
