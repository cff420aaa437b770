using ModelFs.Configuration;
using ModelFs.Control;
using Spectre.Console;

namespace ModelFs.Prefetching;

/// <summary>How a prefetch looks while it runs: a bar on a terminal, lines elsewhere.</summary>
internal static class PrefetchProgress
{
    /// <summary>A log is read later: a line every few seconds is enough.</summary>
    private static readonly TimeSpan LineEvery = TimeSpan.FromSeconds(5);

    public static async Task<PrefetchReport?> DrawAsync(IAsyncEnumerable<PrefetchReport> reports)
    {
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) });
        PrefetchReport? last = null;
        await console.Progress()
            .Columns(
                new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(),
                new DownloadedColumn(), new TransferSpeedColumn(), new RemainingTimeColumn())
            .StartAsync(async context =>
            {
                var task = context.AddTask("prefetch", autoStart: false);
                await foreach (var report in reports)
                {
                    if (last is null)
                        task.StartTask();
                    last = report;
                    task.MaxValue = Math.Max(1, Math.Max(report.TotalBytes, report.Bytes));
                    task.Value = report.Bytes;
                    task.Description = $"{report.Files}/{report.TotalFiles} files";
                    if (report.Error is not null)
                        console.MarkupLineInterpolated($"[red]{report.File}: {report.Error}[/]");
                }

                // Files of no length, and those whose length nobody knew before.
                task.Value = task.MaxValue;
                task.StopTask();
            });
        return last;
    }

    public static async Task<PrefetchReport?> WriteLinesAsync(IAsyncEnumerable<PrefetchReport> reports, TextWriter output, TimeProvider time)
    {
        PrefetchReport? last = null;
        var start = time.GetTimestamp();
        var written = start;
        var first = 0L;
        await foreach (var report in reports)
        {
            // What an earlier run fetched says nothing about the rate of this one.
            first = last is null ? report.Bytes : first;
            last = report;
            if (report.File is not null)
                await output.WriteLineAsync(report.Error is null ? $"{report.File}: complete" : $"{report.File}: {report.Error}");
            else if (time.GetElapsedTime(written) >= LineEvery)
            {
                written = time.GetTimestamp();
                await output.WriteLineAsync(Line(report, (report.Bytes - first) / time.GetElapsedTime(start).TotalSeconds));
            }
        }

        return last;
    }

    internal static string Line(PrefetchReport report, double bytesPerSecond)
    {
        var missing = Math.Max(0, report.TotalBytes - report.Bytes);
        var left = bytesPerSecond > 0 ? Duration.Format(TimeSpan.FromSeconds(missing / bytesPerSecond)) : "unknown time";
        return $"{report.Files}/{report.TotalFiles} files, {ByteSize.Format(report.Bytes)} of {ByteSize.Format(report.TotalBytes)}, "
            + $"{ByteSize.Format((long)bytesPerSecond)}/s, {left} left";
    }
}
