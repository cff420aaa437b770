namespace ModelFs.Cache;

/// <summary>A rate that many share: bytes are paid for one after the other, and who pays waits until those before are paid off. Thread safe.</summary>
public sealed class Pace
{
    private readonly Lock gate = new();
    private readonly TimeProvider time;
    private readonly long start;
    private readonly long bytesPerSecond;
    private TimeSpan paidUntil;

    /// <param name="bytesPerSecond">At least 1.</param>
    /// <param name="sharers">How many fetch at a time, at least 1.</param>
    public Pace(long bytesPerSecond, TimeProvider time, int sharers = 1)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(bytesPerSecond, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(sharers, 1);
        (AtOnce, this.bytesPerSecond, this.time, start) = (bytesPerSecond / 4 / sharers, bytesPerSecond, time, time.GetTimestamp());
    }

    /// <summary>What one of them may ask for before it pays: all together a quarter of a second's worth, so that the first second brings no more than 1.25 of the rate.</summary>
    public long AtOnce { get; }

    /// <summary>Ends when the rate has caught up with these bytes and all that were spent before. Time in which nothing was spent is not saved up.</summary>
    public async ValueTask SpendAsync(long bytes, CancellationToken cancellation)
    {
        TimeSpan wait;
        lock (gate)
        {
            var now = time.GetElapsedTime(start);
            paidUntil = (paidUntil > now ? paidUntil : now) + TimeSpan.FromSeconds((double)bytes / bytesPerSecond);
            wait = paidUntil - now;
        }

        await Task.Delay(wait, time, cancellation).ConfigureAwait(false);
    }
}
