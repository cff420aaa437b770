using System.Globalization;
using System.Text;

namespace ModelFs.Benchmarks.Figures;

/// <summary>The table of a run, as the results, the README and the documents have it.</summary>
internal static class ResultTable
{
    public const string Command = "dotnet run --project benchmarks/ModelFs.Benchmarks -c Release -- figures";

    private const string Begin = "<!-- figures: begin -->";
    private const string End = "<!-- figures: end -->";

    /// <param name="failures">Parts that gave no figures, and why: a hole in a table is never silent.</param>
    public static string Write(
        FigureOptions options, IReadOnlyList<string> arguments, string machine, IReadOnlyList<Figure> figures, IReadOnlyDictionary<string, string> failures)
    {
        var text = new StringBuilder();
        text.AppendLine(CultureInfo.InvariantCulture, $"# {DateTime.UtcNow:yyyy-MM-dd HH:mm} UTC").AppendLine();
        text.AppendLine(machine).AppendLine();
        text.AppendLine($"`{string.Join(' ', [Command, .. arguments])}`").AppendLine();
        text.AppendLine(CultureInfo.InvariantCulture, $"""
            Medians of {options.Rounds} rounds after one that does not count, with the least and the most. In each round all contestants
            run, in a new order; a ratio is taken within a round. The origin (nginx, content in memory), the readers and whatever is
            measured share the machine. In cold, ready, limited, latency and shards the daemon has served another model before. {(options.SharedMachine ? "Others worked on it, and its page cache was left to them." : "Cold: our cache is empty, the machine's page cache was dropped, and as much free memory was touched.")}
            """);
        if (options.Without.Count > 0)
            text.AppendLine().AppendLine($"Left out: {string.Join(", ", options.Without.Select(tool => tool.Program))}.");
        foreach (var part in options.Parts)
        {
            text.AppendLine().AppendLine(CultureInfo.InvariantCulture, $"## {part.Title} (`--only {part.Name}`)").AppendLine();
            if (failures.TryGetValue(part.Name, out var failure))
                text.AppendLine(CultureInfo.InvariantCulture, $"**Failed:** {failure}").AppendLine();
            Rows(text, figures.Where(figure => figure.Part == part.Name));
        }

        return text.ToString();
    }

    /// <summary>Puts the headline figures between the two marks of a document.</summary>
    /// <returns>Null where the document has no such marks.</returns>
    public static string? Insert(string document, IReadOnlyList<Figure> figures)
    {
        var begin = document.IndexOf(Begin, StringComparison.Ordinal);
        var end = document.IndexOf(End, StringComparison.Ordinal);
        if (begin < 0 || end < begin)
            return null;
        var text = new StringBuilder(document[..begin]).AppendLine(Begin);
        Rows(text, figures.Where(figure => figure.IsHeadline));
        return text.Append(document.AsSpan(end)).ToString();
    }

    private static void Rows(StringBuilder text, IEnumerable<Figure> figures)
    {
        text.AppendLine("| what | median | min–max | goal |").AppendLine("|---|---|---|---|");
        foreach (var figure in figures)
            text.AppendLine($"| {figure.What} | {figure.MedianText} | {figure.Spread} | {figure.Verdict} |");
    }
}
