using ModelFs.Cache.Disk;

namespace ModelFs.Cache.Fetching;

/// <summary>A block on its way from the source to the disk. All members are guarded by the object's lock; bytes below <see cref="Filled"/> never change.</summary>
internal sealed class InflightBlock(FetchPlan plan, int number)
{
    private List<Waiter>? waiters;

    public FetchPlan Plan { get; } = plan;

    public int Number { get; } = number;

    /// <summary>Null until the fetch gets here.</summary>
    public BlockBuffer? Buffer { get; set; }

    /// <summary>Bytes that readers may have.</summary>
    public int Filled { get; set; }

    /// <summary>All of it is in <see cref="Buffer"/>.</summary>
    public bool IsComplete { get; set; }

    /// <summary>The writer still needs the buffer.</summary>
    public bool IsWriting { get; set; }

    /// <summary>Readers that wait for it or copy from it: it stays until they are done.</summary>
    public int Readers { get; set; }

    /// <summary>A reader has asked for it or comes nearer: stored or not, it stays while there is memory, until it was read through.</summary>
    public bool IsAwaited { get; set; }

    /// <summary>So many blocks around it will be wanted too; 0 when it is alone.</summary>
    public int Reach { get; private set; }

    /// <summary>Bytes that readers have had.</summary>
    public int Consumed { get; set; }

    /// <summary>A fetch has taken it on.</summary>
    public Fetch? Fetch { get; set; }

    /// <summary>Guarded by the pool's lock.</summary>
    public LinkedListNode<InflightBlock>? Lingering { get; set; }

    public Waiter Wait(int needed)
    {
        var waiter = new Waiter(needed);
        (waiters ??= []).Add(waiter);
        return waiter;
    }

    /// <summary>Wakes those whose bytes have arrived.</summary>
    public void Advance(int filled)
    {
        Filled = Math.Max(Filled, filled);
        waiters?.RemoveAll(w => w.Needed <= Filled && w.TrySetResult(0));
    }

    /// <summary>All of it is here, and goes to the disk.</summary>
    public void Complete(int length)
    {
        Advance(length);
        Release(0);
        IsComplete = IsWriting = true;
        if (Fetch is { } fetch)
        {
            fetch.Completed++;
            Reach = fetch.Reach;
        }

        Fetch = null;
    }

    /// <summary>Wakes everybody: with an errno, or with 0 to look again.</summary>
    public void Release(int errno)
    {
        foreach (var waiter in waiters ?? [])
            waiter.TrySetResult(errno);
        waiters?.Clear();
    }

    /// <param name="needed">Bytes from the block's start.</param>
    public sealed class Waiter(int needed) : TaskCompletionSource<int>(TaskCreationOptions.RunContinuationsAsynchronously)
    {
        public int Needed { get; } = needed;
    }
}
