using ModelFs.Configuration;

namespace ModelFs.Prefetching;

/// <summary>How fast bytes come just now: over the last ten seconds, so that a pause shows and a moment does not.</summary>
internal sealed class TransferRate(TimeProvider time)
{
    private static readonly TimeSpan Window = TimeSpan.FromSeconds(10);

    private readonly Queue<(long At, long Bytes)> samples = new();

    /// <summary>Null until there are two reports.</summary>
    public double? BytesPerSecond { get; private set; }

    /// <param name="bytes">All that is here by now.</param>
    public void Add(long bytes)
    {
        var now = time.GetTimestamp();
        samples.Enqueue((now, bytes));
        while (samples.Count > 2 && time.GetElapsedTime(samples.Peek().At, now) > Window)
            samples.Dequeue();
        var (from, before) = samples.Peek();
        var elapsed = time.GetElapsedTime(from, now);
        if (elapsed > TimeSpan.Zero)
            BytesPerSecond = Math.Max(0, bytes - before) / elapsed.TotalSeconds;
    }

    /// <summary><c>85.0 MiB/s, 12.0 s left</c>, as far as it is known.</summary>
    public string Words(long missing)
    {
        if (BytesPerSecond is not { } rate)
            return "";
        var words = $"{ByteSize.Format((long)rate)}/s";
        return missing <= 0 ? words
            : missing / rate is var seconds && seconds < TimeSpan.FromDays(30).TotalSeconds ? $"{words}, {Duration.Format(TimeSpan.FromSeconds(Math.Ceiling(seconds)))} left"
            : $"{words}, unknown time left";
    }
}
