using ModelFs.Configuration;
using ModelFs.Control;
using ModelFs.Terminal;

namespace ModelFs.Prefetching;

/// <summary>How a prefetch looks in a pipe or a log: what failed, now and then how far it is, and each file where they are few.</summary>
internal sealed class PrefetchLines(TextWriter output, TimeProvider time)
{
    /// <summary>Of more files a log says how many are done.</summary>
    public const int MostFiles = 50;

    /// <summary>A log is read later: a line every few seconds is enough.</summary>
    private static readonly TimeSpan LineEvery = TimeSpan.FromSeconds(5);

    public async Task<PrefetchSummary> WriteAsync(IAsyncEnumerable<PrefetchReport> reports)
    {
        var tally = new PrefetchTally();
        var rate = new TransferRate(time);
        var written = time.GetTimestamp();
        await foreach (var report in reports)
        {
            tally.Add(report);
            rate.Add(report.Bytes);
            foreach (var (file, error) in report.Finished)
            {
                if (error is not null || report.TotalFiles <= MostFiles)
                    await output.WriteLineAsync(TerminalText.Escaped($"{file}: {error ?? "complete"}"));
            }

            if (time.GetElapsedTime(written) >= LineEvery && report.Files < report.TotalFiles)
            {
                written = time.GetTimestamp();
                await output.WriteLineAsync(Line(report, rate));
            }
        }

        return tally.Summary;
    }

    /// <summary>How far all of it is.</summary>
    public static string Line(PrefetchReport report, TransferRate rate)
    {
        var line = $"{report.Files}/{report.TotalFiles} files, {ByteSize.Format(report.Bytes)} of {ByteSize.Format(Math.Max(report.TotalBytes, report.Bytes))}";
        return rate.Words(report.TotalBytes - report.Bytes) is { Length: > 0 } words ? $"{line}, {words}" : line;
    }
}
