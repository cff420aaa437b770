namespace ModelFs.Benchmarks.Reading;

/// <summary>What the threads of one order have read.</summary>
internal sealed class Tally(bool keepsReads)
{
    private readonly Lock gate = new();
    private readonly List<double>? reads = keepsReads ? [] : null;

    public long Bytes { get; private set; }

    public double Slowest { get; private set; }

    public IReadOnlyList<double>? Reads => reads;

    /// <summary>One thread's whole work.</summary>
    public void Add(long bytes, double slowest, IReadOnlyList<double>? seconds)
    {
        lock (gate)
        {
            Bytes += bytes;
            Slowest = Math.Max(Slowest, slowest);
            if (seconds is not null)
                reads?.AddRange(seconds);
        }
    }
}
