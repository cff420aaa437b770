using Microsoft.Extensions.Logging;

namespace ModelFs.Cache.Space;

/// <summary>Whether blocks are stored just now. After trouble it is tried again every few seconds; one log line each way.</summary>
internal sealed class StoreHealth(ILogger log, TimeProvider time)
{
    /// <summary>Long enough not to hammer a disk that is ill, short enough that a healed one is used at once.</summary>
    private static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(2);

    /// <summary>The next object that is closed makes room. Until one is, each attempt waits twice as long, up to <see cref="RetryAfter"/>: it looks through the whole catalog, and closes what others keep open for their next use.</summary>
    private static readonly TimeSpan RetryFullAfter = TimeSpan.FromMilliseconds(100);

    private readonly Lock gate = new();
    private string? fault;
    private long failedAt;
    private TimeSpan retryAfter;
    private bool isFull;
    private volatile bool isHung;
    private bool final;

    public string? Fault => Volatile.Read(ref fault);

    /// <summary>The disk has not answered since it was last seen to.</summary>
    public bool IsHung => isHung && Fault is not null;

    public bool MayTry() => TryBegin() is not null;

    /// <summary>An attempt, for <see cref="Succeeded"/>; null while it is too early for one.</summary>
    public long? TryBegin()
    {
        lock (gate)
            return fault is null || (!final && time.GetElapsedTime(failedAt) >= retryAfter) ? time.GetTimestamp() : null;
    }

    /// <summary>The disk refuses.</summary>
    public void Failed(string reason) => Fail(reason, RetryAfter, forGood: false);

    /// <summary>The disk does not answer.</summary>
    public void Hung()
    {
        Failed("the disk has not answered for seconds");
        isHung = true;
    }

    /// <summary>A limit is reached and nothing may go.</summary>
    public void Full(string reason) => Fail(reason, null, forGood: false);

    /// <summary>Something was closed: a limit that was reached may not be any more.</summary>
    public void MayHaveRoom()
    {
        if (Fault is null)
            return;
        lock (gate)
        {
            if (isFull)
                retryAfter = RetryFullAfter;
        }
    }

    /// <summary>Until the process ends: the directory is somebody else's now.</summary>
    public void FailedForGood(string reason) => Fail(reason, RetryAfter, forGood: true);

    /// <summary>An attempt went well. One that began before the last failure proves nothing.</summary>
    public void Succeeded(long attempt)
    {
        if (Fault is null)
            return;
        lock (gate)
        {
            if (fault is null || final || attempt < failedAt)
                return;
            fault = null;
            isHung = false;
        }

        Log.StoringResumed(log);
    }

    /// <param name="wait">Null: a limit.</param>
    private void Fail(string reason, TimeSpan? wait, bool forGood)
    {
        lock (gate)
        {
            bool isNew = fault is null;
            retryAfter = wait ?? (isNew || !isFull ? RetryFullAfter : TimeSpan.FromTicks(Math.Min(2 * retryAfter.Ticks, RetryAfter.Ticks)));
            isFull = wait is null;
            fault = reason;
            failedAt = time.GetTimestamp();
            final |= forGood;
            if (!isNew)
                return;
        }

        Log.StoringStopped(log, reason);
    }
}
