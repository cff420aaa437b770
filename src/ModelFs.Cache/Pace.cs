namespace ModelFs.Cache;

/// <summary>A rate that many share: bytes are paid for one after the other, and who pays waits until those before are paid off. Thread safe.</summary>
public sealed class Pace
{
    private readonly Lock gate = new();
    private readonly TimeProvider time;
    private readonly long start;
    private TimeSpan paidUntil;

    /// <param name="bytesPerSecond">At least 1.</param>
    public Pace(long bytesPerSecond, TimeProvider time)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(bytesPerSecond, 1);
        (BytesPerSecond, this.time, start) = (bytesPerSecond, time, time.GetTimestamp());
    }

    public long BytesPerSecond { get; }

    /// <summary>Ends when the rate has caught up with these bytes and all that were spent before. Time in which nothing was spent is not saved up.</summary>
    public async ValueTask SpendAsync(long bytes, CancellationToken cancellation)
    {
        TimeSpan wait;
        lock (gate)
        {
            var now = time.GetElapsedTime(start);
            paidUntil = (paidUntil > now ? paidUntil : now) + TimeSpan.FromSeconds((double)bytes / BytesPerSecond);
            wait = paidUntil - now;
        }

        await Task.Delay(wait, time, cancellation).ConfigureAwait(false);
    }
}
