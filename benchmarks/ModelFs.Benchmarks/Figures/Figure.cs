using System.Globalization;

namespace ModelFs.Benchmarks.Figures;

/// <summary>One row: what was measured, and what each round gave.</summary>
/// <param name="Unit">Empty for a ratio.</param>
internal sealed record Figure(string Part, string What, string Unit, IReadOnlyList<double> Values, Goal? Goal = null, bool IsHeadline = false)
{
    public double Median { get; } = MedianOf(Values);

    public string Verdict => Goal is null ? "" : Goal.IsMet(Median) ? $"{Goal}, met" : $"{Goal}, **missed**";

    public static double MedianOf(IEnumerable<double> values)
    {
        var sorted = values.Order().ToList();
        return sorted.Count % 2 == 1 ? sorted[sorted.Count / 2] : (sorted[sorted.Count / 2 - 1] + sorted[sorted.Count / 2]) / 2;
    }

    public string MedianText => $"{Text(Median)} {Unit}".TrimEnd();

    public string Spread => $"{Text(Values.Min())}–{Text(Values.Max())}";

    /// <summary>Three digits, of which a ratio needs no more.</summary>
    private string Text(double value) => value.ToString(
        Math.Abs(value) switch { >= 100 => "0", >= 10 => "0.0", >= 1 => "0.00", _ when Unit.Length == 0 => "0.00", 0 => "0", _ => "0.000" },
        CultureInfo.InvariantCulture);
}
