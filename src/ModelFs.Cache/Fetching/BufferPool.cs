using ModelFs.Cache.Disk;

namespace ModelFs.Cache.Fetching;

/// <summary>All the memory that blocks in flight may take. A fetch that finds none stops reading its socket.</summary>
/// <remarks>
/// No deadlock: a fetch holds at most one buffer that is not complete, and none while it waits here; complete ones come back by themselves,
/// stored or not. Read-ahead leaves <see cref="DemandReserve"/> to those whose readers wait.
/// </remarks>
internal sealed class BufferPool
{
    /// <summary>80 MiB: the largest window for one object, 16 MiB of read-ahead for each of four, well below the daemon's 256 MB.</summary>
    /// <remarks>
    /// What is read ahead has to fit beside the reserve, or it is taken back before it was read: with a window of 64 MiB in a pool of 64 the
    /// daemon spent a third more processor time.
    /// </remarks>
    public const int Capacity = 320;

    public const int DemandReserve = 64;

    private readonly Lock gate = new();
    private readonly Stack<BlockBuffer> free = new();
    private readonly Queue<TaskCompletionSource<BlockBuffer>> demand = new();
    private readonly Queue<TaskCompletionSource<BlockBuffer>> ahead = new();
    private readonly LinkedList<InflightBlock> lingering = [];
    private int allocated;
    private int streams;

    /// <summary>Buffers that are in use.</summary>
    public int InUse
    {
        get
        {
            lock (gate)
                return allocated - free.Count;
        }
    }

    /// <summary>Blocks that one object may have ahead of its readers: its part of what is not kept for demand.</summary>
    public int Share => Math.Max(2, (Capacity - DemandReserve) / Math.Max(1, Volatile.Read(ref streams)));

    /// <summary>One object more is being fetched.</summary>
    public void BeginStream() => Interlocked.Increment(ref streams);

    public void EndStream() => Interlocked.Decrement(ref streams);

    public async ValueTask<BlockBuffer> RentAsync(bool isDemand, CancellationToken cancellation)
    {
        while (true)
        {
            TaskCompletionSource<BlockBuffer> waiter;
            InflightBlock? victim = null;
            lock (gate)
            {
                if (TryTake(isDemand) is { } buffer)
                    return buffer;
                victim = TakeLingering();
                waiter = new TaskCompletionSource<BlockBuffer>(TaskCreationOptions.RunContinuationsAsynchronously);
                if (victim is null)
                    (isDemand ? demand : ahead).Enqueue(waiter);
            }

            if (victim is null)
            {
                await using var registration = cancellation.Register(() => waiter.TrySetCanceled(cancellation)).ConfigureAwait(false);
                return await waiter.Task.ConfigureAwait(false);
            }

            // The block's own lock is taken outside of ours.
            victim.Plan.Reclaim(victim);
        }
    }

    public void Return(BlockBuffer buffer)
    {
        lock (gate)
        {
            free.Push(buffer);
            Serve(demand, isDemand: true);
            Serve(ahead, isDemand: false);
        }
    }

    /// <summary>A block that could not be stored, or that a reader comes for, stays readable until its memory is needed.</summary>
    public void Linger(InflightBlock block)
    {
        bool wanted;
        lock (gate)
        {
            wanted = demand.Count > 0 || ahead.Count > 0;
            if (!wanted)
                block.Lingering ??= lingering.AddLast(block);
        }

        if (wanted)
            block.Plan.Reclaim(block);
    }

    public void StopLingering(InflightBlock block)
    {
        lock (gate)
        {
            if (block.Lingering is { } node)
                lingering.Remove(node);
            block.Lingering = null;
        }
    }

    private BlockBuffer? TryTake(bool isDemand)
    {
        int available = free.Count + Capacity - allocated;
        if (available <= (isDemand ? 0 : DemandReserve))
            return null;
        if (free.TryPop(out BlockBuffer? buffer))
            return buffer;
        allocated++;
        return new BlockBuffer();
    }

    private InflightBlock? TakeLingering()
    {
        if (lingering.First is not { } node)
            return null;
        lingering.RemoveFirst();
        node.Value.Lingering = null;
        return node.Value;
    }

    private void Serve(Queue<TaskCompletionSource<BlockBuffer>> waiters, bool isDemand)
    {
        while (waiters.Count > 0 && TryTake(isDemand) is { } buffer)
        {
            if (!waiters.Dequeue().TrySetResult(buffer))
                free.Push(buffer);
        }
    }
}
