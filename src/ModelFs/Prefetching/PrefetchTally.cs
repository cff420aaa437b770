using ModelFs.Control;

namespace ModelFs.Prefetching;

/// <summary>Adds up the reports of a prefetch.</summary>
internal sealed class PrefetchTally
{
    private readonly Dictionary<string, string> failures = [];
    private PrefetchReport? first;
    private PrefetchReport? last;

    public PrefetchSummary Summary => new(last?.TotalFiles ?? 0, last?.Bytes ?? 0, (last?.Bytes ?? 0) - (first?.Bytes ?? 0), failures);

    public void Add(PrefetchReport report)
    {
        first ??= report;
        last = report;
        foreach (var (file, error) in report.Finished)
        {
            if (error is not null)
                failures[file] = error;
        }
    }
}
