using ModelFs.Benchmarks.Parts;
using ModelFs.Benchmarks.Rigs;

namespace ModelFs.Benchmarks.Figures;

/// <summary>A question that a run answers with some rows of its table.</summary>
internal sealed record Part(string Name, string Title, IReadOnlyList<Tool> Tools, Func<Bench, Task> RunAsync)
{
    public static IReadOnlyList<Part> All { get; } =
    [
        new("sealed", "A complete file beside the same file read natively", [], SealedReads.RunAsync),
        new("cold", "The first read of a file", [Tool.Curl, Tool.Aria2, Tool.Rclone], ColdReads.RunAsync),
    ];

    public static Part Named(string name) => All.FirstOrDefault(part => part.Name == name)
        ?? throw new BenchmarkException($"there is no part {name}: there is {string.Join(", ", All.Select(part => part.Name))}");
}
