using System.Globalization;
using System.Text;
using ModelFs.Configuration;
using ModelFs.Control;
using ModelFs.Terminal;

namespace ModelFs.Prefetching;

/// <summary>How a prefetch looks on a terminal: a line for each file that is being fetched and one for all, drawn again in place; what fails stays above them.</summary>
internal sealed class PrefetchScreen(TextWriter terminal, Func<(int Width, int Height)> size, TimeProvider time)
{
    private const int WidestBar = 30;
    private const int NarrowestBar = 8;
    private const int ShortestName = 12;

    private readonly TransferRate rate = new(time);

    /// <summary>What is on the screen, below which the cursor stands.</summary>
    private IReadOnlyList<string> drawn = [];

    public async Task<PrefetchSummary> DrawAsync(IAsyncEnumerable<PrefetchReport> reports)
    {
        var tally = new PrefetchTally();
        try
        {
            await foreach (var report in reports)
            {
                tally.Add(report);
                rate.Add(report.Bytes);
                await DrawAsync([.. report.Finished.Where(f => f.Error is not null).Select(f => TerminalText.Escaped($"{f.File}: {f.Error}"))], report);
            }
        }
        finally
        {
            // Whatever is written next, a summary or an error, takes the place of the bars.
            await terminal.WriteAsync(Erase(size().Width));
        }

        return tally.Summary;
    }

    /// <summary>The lines of a moment, none wider than the terminal.</summary>
    public IReadOnlyList<string> Lines(PrefetchReport report, int width, int height)
    {
        var lines = new List<string>();
        // One for all files, one that says how many more there are, and one for the cursor.
        var most = Math.Max(1, height - 3);
        foreach (var file in report.Running.Take(most))
            lines.Add(TerminalText.Head(FileLine(file, width - 1), width - 1));
        if (report.Running.Count > most)
            lines.Add(TerminalText.Head($"and {report.Running.Count - most} more", width - 1));
        var all = PrefetchLines.Line(report, rate);
        lines.Add(TerminalText.Head($"{Bar(report.Bytes, report.TotalBytes, width - 2 - all.Length)}{all}", width - 1));
        return lines;
    }

    private async Task DrawAsync(IReadOnlyList<string> above, PrefetchReport report)
    {
        var (width, height) = size();
        var text = new StringBuilder(Erase(width));
        foreach (var line in above)
            text.Append(line).Append('\n');
        drawn = Lines(report, width, height);
        foreach (var line in drawn)
            text.Append(line).Append('\n');
        // In one piece: half a picture flickers.
        await terminal.WriteAsync(text);
        await terminal.FlushAsync();
    }

    /// <summary>Up to the first line that was drawn, and empty from there. A terminal that has become narrower has broken the lines.</summary>
    private string Erase(int width)
    {
        var rows = drawn.Sum(line => Math.Max(1, (TerminalText.Width(line) + width - 1) / width));
        drawn = [];
        return rows == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $"\e[{rows}F\e[J");
    }

    private static string FileLine(FileProgress file, int width)
    {
        var total = Math.Max(file.TotalBytes, file.Bytes);
        var figures = $"{ByteSize.Format(file.Bytes),8} of {ByteSize.Format(total),8}";
        var room = width - figures.Length - 1;
        var name = TerminalText.Escaped(file.File);
        var columns = TerminalText.Width(name);
        var bar = Bar(file.Bytes, total, room - 1 - Math.Max(ShortestName, Math.Min(columns, room / 2)));
        room -= bar.Length;
        if (columns > room)
            name = room > 1 ? "…" + TerminalText.Tail(name, room - 1) : "";
        return $"{name}{new string(' ', Math.Max(0, room - TerminalText.Width(name)))} {bar}{figures}";
    }

    /// <returns>With a blank after it; nothing where there is no room for a bar that says something.</returns>
    private static string Bar(long bytes, long total, int room)
    {
        var width = Math.Min(WidestBar, room - 1);
        if (width < NarrowestBar)
            return "";
        var done = total <= 0 ? 0 : (int)Math.Min(width, (double)bytes / total * width);
        return $"{new string('━', done)}{new string('─', width - done)} ";
    }
}
