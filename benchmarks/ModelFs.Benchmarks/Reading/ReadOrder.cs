using System.Text.Json;
using System.Text.Json.Serialization;

namespace ModelFs.Benchmarks.Reading;

internal enum ReadPattern
{
    /// <summary>Opens the files and keeps them: later orders find them open.</summary>
    Open,

    /// <summary>From the first byte to the last, in reads of <see cref="ReadOrder.Block"/>.</summary>
    Sequential,

    /// <summary><see cref="ReadOrder.Count"/> reads of <see cref="ReadOrder.Block"/> at aligned random places.</summary>
    Random,

    /// <summary>Maps the files and copies them out, <see cref="ReadOrder.Block"/> at a time.</summary>
    Mapped,

    /// <summary>Maps the first file and touches a page at <see cref="ReadOrder.Count"/> random places.</summary>
    MappedRandom,

    /// <summary>As a loader of safetensors: the header, then each tensor in order, copied out of the mapped file.</summary>
    Load,

    /// <summary>Compares with <see cref="Testing.FormulaContent"/> of the seed.</summary>
    Verify,
}

/// <summary>What a reader process is asked to do: one line of JSON.</summary>
internal sealed record ReadOrder(ReadPattern Pattern, IReadOnlyList<string> Paths)
{
    /// <summary>Bytes.</summary>
    public int Block { get; init; } = 1 << 20;

    /// <summary>Reads, of each thread.</summary>
    public int Count { get; init; }

    /// <summary>Threads in the process; of several paths each thread takes its share.</summary>
    public int Threads { get; init; } = 1;

    public int Seed { get; init; } = 1;

    /// <summary>First forgets the kernel's pages of these files (<c>posix_fadvise</c>), and of nothing else.</summary>
    public bool Forget { get; init; }
}

/// <summary>What it took.</summary>
/// <param name="OpenSeconds">Until the files were open.</param>
/// <param name="Seconds">From then on.</param>
/// <param name="Slowest">Seconds of the slowest single read.</param>
/// <param name="Reads">Seconds of each read, where <see cref="ReadOrder.Count"/> asked for so few that they fit in a line.</param>
/// <param name="CpuSeconds">Of the reader, user and system.</param>
internal sealed record ReadReport(
    double OpenSeconds, double Seconds, long Bytes, double Slowest, IReadOnlyList<double>? Reads, double CpuSeconds, string? Error);

[JsonSourceGenerationOptions(UseStringEnumConverter = true)]
[JsonSerializable(typeof(ReadOrder))]
[JsonSerializable(typeof(ReadReport))]
internal sealed partial class ReadJson : JsonSerializerContext
{
    public static string Line(ReadOrder order) => JsonSerializer.Serialize(order, Default.ReadOrder);

    public static string Line(ReadReport report) => JsonSerializer.Serialize(report, Default.ReadReport);

    public static ReadOrder Order(string line) => JsonSerializer.Deserialize(line, Default.ReadOrder)!;

    public static ReadReport Report(string line) => JsonSerializer.Deserialize(line, Default.ReadReport)!;
}
