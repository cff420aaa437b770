using ModelFs.Cache.Objects;

namespace ModelFs.Cache.Fetching;

/// <summary>How fast the one stream of a source without ranges may go, and how far ahead of its readers while nothing can be stored.</summary>
internal sealed class StreamPace(CachedObject owner, Lock gate)
{
    /// <summary>What cannot be stored stays in memory only: its stream runs no further ahead of the readers than this.</summary>
    public const int UnstoredAhead = 16;

    private int furthestDemand;
    private TaskCompletionSource? demandMoved;

    /// <summary>How fast it may go while nobody waits for it; null for as fast as it comes.</summary>
    public Pace? Limit { get; set; }

    /// <summary>[locked] A reader waits for a block.</summary>
    public void Demanded(int block)
    {
        furthestDemand = Math.Max(furthestDemand, block);
        demandMoved?.TrySetResult();
    }

    /// <summary>[locked] Somebody waits for the end of the object, whether what comes before it can be stored or not.</summary>
    public void WantAll() => Demanded(int.MaxValue - UnstoredAhead);

    /// <summary>Holds a stream to its limit, and back while its blocks cannot be stored and no reader is near. False when nobody comes for them.</summary>
    public async ValueTask<bool> MayGoOnAsync(int block, CancellationToken cancellation)
    {
        if (Limit is { } limit && block > furthestDemand)
            await limit.SpendAsync(CacheOptions.BlockSize, cancellation).ConfigureAwait(false);
        while (owner.StoringFault is not null)
        {
            Task moved;
            lock (gate)
            {
                if (block <= furthestDemand + UnstoredAhead)
                    return true;
                demandMoved = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                moved = demandMoved.Task;
            }

            try
            {
                await moved.WaitAsync(TimeSpan.FromSeconds(5), owner.Resources.Time, cancellation).ConfigureAwait(false);
            }
            catch (TimeoutException)
            {
                return false;
            }
        }

        return true;
    }
}
