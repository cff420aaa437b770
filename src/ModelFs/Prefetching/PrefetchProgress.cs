using ModelFs.Configuration;
using ModelFs.Control;
using Spectre.Console;

namespace ModelFs.Prefetching;

/// <summary>How a prefetch looks while it runs: bars on a terminal, lines elsewhere.</summary>
internal static class PrefetchProgress
{
    /// <summary>A log is read later: a line every few seconds is enough.</summary>
    private static readonly TimeSpan LineEvery = TimeSpan.FromSeconds(5);

    public static async Task<PrefetchSummary> DrawAsync(IAsyncEnumerable<PrefetchReport> reports)
    {
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) });
        var tally = new Tally();
        await console.Progress()
            .HideCompleted(true)
            .Columns(
                new TaskDescriptionColumn { Alignment = Justify.Left }, new ProgressBarColumn(), new PercentageColumn(),
                new DownloadedColumn(), new TransferSpeedColumn(), new RemainingTimeColumn())
            .StartAsync(async context =>
            {
                var all = context.AddTask("all files", autoStart: false);
                var running = new Dictionary<string, ProgressTask>();
                await foreach (var report in reports)
                {
                    tally.Add(report);
                    Show(all, $"{report.Files}/{report.TotalFiles} files", report.Bytes, report.TotalBytes);
                    foreach (var file in report.Running ?? [])
                    {
                        if (!running.TryGetValue(file.File, out var task))
                            running[file.File] = task = context.AddTask("", autoStart: false);
                        Show(task, Markup.Escape(file.File), file.Bytes, file.TotalBytes);
                    }

                    // What is done leaves the screen to what is not.
                    if (report.File is { } done && running.Remove(done, out var ended))
                        Hide(ended);
                    if (report.Error is not null)
                        console.MarkupLineInterpolated($"[red]{report.File}: {report.Error}[/]");
                }

                // Files of no length, and those whose length nobody knew before.
                all.Value = all.MaxValue;
                all.StopTask();
            });
        return tally.Summary;
    }

    public static async Task<PrefetchSummary> WriteLinesAsync(IAsyncEnumerable<PrefetchReport> reports, TextWriter output, TimeProvider time)
    {
        var tally = new Tally();
        var start = time.GetTimestamp();
        var written = start;
        await foreach (var report in reports)
        {
            tally.Add(report);
            if (report.File is not null)
                await output.WriteLineAsync(report.Error is null ? $"{report.File}: complete" : $"{report.File}: {report.Error}");
            else if (time.GetElapsedTime(written) >= LineEvery)
            {
                written = time.GetTimestamp();
                await output.WriteLineAsync(Line(report, tally.Summary.Fetched / time.GetElapsedTime(start).TotalSeconds));
            }
        }

        return tally.Summary;
    }

    internal static string Line(PrefetchReport report, double bytesPerSecond)
    {
        var missing = Math.Max(0, report.TotalBytes - report.Bytes);
        var left = bytesPerSecond > 0 ? Duration.Format(TimeSpan.FromSeconds(missing / bytesPerSecond)) : "unknown time";
        return $"{report.Files}/{report.TotalFiles} files, {ByteSize.Format(report.Bytes)} of {ByteSize.Format(report.TotalBytes)}, "
            + $"{ByteSize.Format((long)bytesPerSecond)}/s, {left} left";
    }

    /// <summary>A task takes the value that it starts with for no progress: what an earlier run fetched says nothing about the rate of this one.</summary>
    private static void Show(ProgressTask task, string description, long bytes, long total)
    {
        task.Description = description;
        task.MaxValue = Math.Max(1, Math.Max(total, bytes));
        task.Value = bytes;
        if (!task.IsStarted)
            task.StartTask();
    }

    private static void Hide(ProgressTask task)
    {
        task.Value = task.MaxValue;
        task.StopTask();
    }

    private sealed class Tally
    {
        private readonly Dictionary<string, string> failures = [];
        private PrefetchReport? first;
        private PrefetchReport? last;

        public PrefetchSummary Summary => new(last?.TotalFiles ?? 0, last?.Bytes ?? 0, (last?.Bytes ?? 0) - (first?.Bytes ?? 0), failures);

        public void Add(PrefetchReport report)
        {
            first ??= report;
            last = report;
            if (report is { File: { } file, Error: { } error })
                failures[file] = error;
        }
    }
}
