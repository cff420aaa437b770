using ModelFs.Cache.Disk;
using ModelFs.Cache.Objects;

namespace ModelFs.Cache.Fetching;

/// <summary>Which blocks of one object are on their way, and who brings them: one fetch a block, however many readers wait.</summary>
/// <remarks>Members marked [locked] are called under the object's lock; the others take it.</remarks>
internal sealed class FetchPlan(CachedObject owner, BlockMap map, Lock gate)
{
    /// <summary>4 MiB a request: sixteen of them make the largest window.</summary>
    private const int Segment = 16;

    private readonly Dictionary<int, InflightBlock> inflight = [];
    private readonly List<Fetch> fetches = [];
    private bool? ranges;
    private long awaitedAt;

    public StreamPace Pace { get; } = new(owner, gate);

    public FetchFailure Failure { get; } = new(owner.Resources.Time);

    public long CompletedBlocks { get; private set; }

    public bool RangesUnknown
    {
        get
        {
            lock (gate)
                return ranges is null;
        }
    }

    /// <summary>[locked] Nothing is on its way.</summary>
    public bool IsIdle => fetches.Count == 0 && inflight.Values.All(b => b.IsComplete && !b.IsWriting && b.Readers == 0);

    /// <summary>[locked] What is on its way or in memory.</summary>
    public IReadOnlyCollection<InflightBlock> Blocks => inflight.Values;

    /// <summary>[locked] Something is being fetched for readers, or was until so long ago. What is here already they read without it.</summary>
    public bool IsAwaited(TimeSpan lately) =>
        fetches.Any(f => f.Purpose != FetchPurpose.Completion) || owner.Resources.Time.GetElapsedTime(awaitedAt) < lately;

    /// <summary>[locked]</summary>
    public InflightBlock? Find(int block) => inflight.GetValueOrDefault(block);

    /// <summary>Whether a block can be had from the disk. While that hangs, it is fetched as if it were missing.</summary>
    public bool IsReadable(int block) => map[block] != BlockState.Missing && !owner.Resources.Readers.IsStalled;

    /// <summary>[locked] Sees to it that a missing block comes, with those up to <paramref name="end"/> that are missing too.</summary>
    /// <returns>0, or why it does not come just now.</returns>
    public int Demand(int block, int end, out InflightBlock target)
    {
        target = null!;
        if (!inflight.TryGetValue(block, out var found))
        {
            if (Failure.Refuse() is var errno and not 0)
                return errno;
            inflight.Add(block, found = new InflightBlock(this, block));
        }

        target = found;
        found.IsAwaited = true;
        Pace.Demanded(block);
        if (found.IsComplete)
            return 0;
        awaitedAt = owner.Resources.Time.GetTimestamp();
        if ((found.Fetch ?? fetches.Find(f => f.Covers(block))) is { } coming)
            coming.Promote();
        else
            Start(block, end, FetchPurpose.Demand);
        return 0;
    }

    /// <summary>[locked] Starts what is missing in the window after one of the running readers, who share the object's part of the memory.</summary>
    public void Ahead(in ReadAhead.Hint hint) => Fill(
        (int)(hint.Position / CacheOptions.BlockSize), Math.Min(hint.Window / CacheOptions.BlockSize, owner.Resources.Buffers.Share / Math.Max(1, hint.Running)),
        FetchPurpose.Ahead, hint.Window / CacheOptions.BlockSize);

    /// <summary>[locked] The fetch that brings the first block that is neither stored nor in memory; null when there is none.</summary>
    /// <param name="window">Blocks from there on that come too, where they are missing.</param>
    public Fetch? FetchMissing(int window)
    {
        int block = 0;
        while (block < map.Count && (map[block] != BlockState.Missing || inflight.TryGetValue(block, out var b) && b.IsComplete))
            block++;
        if (block >= map.Count)
            return null;
        if (!IsCovered(block) && inflight.GetValueOrDefault(block)?.Fetch is null)
            Start(block, (int)Math.Min(map.Count, (long)block + Math.Min(window, Segment)), FetchPurpose.Completion);
        Fill(block, window, FetchPurpose.Completion);
        return inflight.GetValueOrDefault(block)?.Fetch ?? fetches.FirstOrDefault(f => f.Covers(block)) ?? fetches.FirstOrDefault();
    }

    /// <summary>[locked] Fetches the last blocks that nobody brings, which readers come to last; null when there are none, or they have to wait for others.</summary>
    public Fetch? FetchLast()
    {
        int end = map.Count;
        while (end > 0 && IsComing(end - 1))
            end--;
        int first = Math.Max(0, end - 1);
        while (first > 0 && end - first < Segment && !IsComing(first - 1))
            first--;
        return end > 0 && Start(first, end, FetchPurpose.Completion) ? fetches[^1] : null;
    }

    /// <summary>The first block that a fetch still has to bring.</summary>
    public int Resume(Fetch fetch)
    {
        lock (gate)
        {
            if (fetch.IsStream)
                return fetch.Next = 0;
            while (fetch.Next < fetch.End && IsReadable(fetch.Next) && !inflight.ContainsKey(fetch.Next))
                fetch.Next++;
            return fetch.Next;
        }
    }

    /// <summary>Takes on a block that a fetch has reached; null when the block is there, or another fetch's.</summary>
    public InflightBlock? Begin(Fetch fetch, int block)
    {
        lock (gate)
        {
            fetch.Next = block;
            if (!inflight.TryGetValue(block, out var target) && IsReadable(block))
                return null;
            if (target is null)
                inflight.Add(block, target = new InflightBlock(this, block) { IsAwaited = fetch.Purpose != FetchPurpose.Completion });
            if (target.IsComplete || (target.Fetch is not null && target.Fetch != fetch))
                return null;
            target.Fetch = fetch;
            return target;
        }
    }

    public BlockBuffer Attach(InflightBlock block, BlockBuffer buffer)
    {
        lock (gate)
            return block.Buffer = buffer;
    }

    public void Advance(InflightBlock block, int filled)
    {
        lock (gate)
            block.Advance(filled);
    }

    public void Complete(InflightBlock block, int length)
    {
        lock (gate)
        {
            block.Complete(length);
            CompletedBlocks++;
        }

        owner.Arrived(block);
    }

    /// <summary>The writer is done with a block, whether it is on disk now or not.</summary>
    public void Written(InflightBlock block)
    {
        lock (gate)
            block.IsWriting = false;
        Settle(block);
    }

    /// <summary>A whole block that is still in memory, which stays until <see cref="Unread"/>; null when it is not.</summary>
    public InflightBlock? Hold(int number)
    {
        lock (gate)
        {
            if (Find(number) is not { IsComplete: true, Buffer: not null } block)
                return null;
            block.Readers++;
            return block;
        }
    }

    /// <summary>A reader is done with a block.</summary>
    public void Unread(InflightBlock block)
    {
        lock (gate)
            block.Readers--;
        Settle(block);
    }

    /// <summary>Takes the memory of a block that lingers, unless a reader has come to it, or the writers once more.</summary>
    public void Reclaim(InflightBlock block)
    {
        BlockBuffer? buffer;
        lock (gate)
        {
            if (block.Readers > 0 || block.IsWriting || block.Buffer is null || inflight.GetValueOrDefault(block.Number) != block)
                return;
            buffer = Detach(block);
        }

        owner.Resources.Buffers.Return(buffer!);
    }

    /// <summary>A source has answered a range that does not begin at 0.</summary>
    public void ConfirmRanges()
    {
        lock (gate)
        {
            if (ranges == true)
                return;
            ranges = true;
            WakeUncovered(null, 0);
        }
    }

    /// <summary>The source answers from byte 0 to the end, whatever it is asked. False while other fetches still run: one stream, never two.</summary>
    public bool BecomeStream(Fetch fetch)
    {
        lock (gate)
        {
            ranges = false;
            if (fetches.Count > 1)
                return false;
            fetch.End = int.MaxValue;
            return true;
        }
    }

    /// <summary>The object's size as the source says it. Null, or how that contradicts what is known.</summary>
    public string? Learn(long size)
    {
        lock (gate)
        {
            if (map.Size >= 0)
                return map.Size == size ? null : $"the source says {size} bytes, the registry said {map.Size}";
            if (size is < 0 or > CachedObject.MaxSize)
                return $"the source claims {size} bytes";
            map.SetSize(size);
            WakeUncovered(null, 0);
        }

        owner.SizeLearned();
        return null;
    }

    /// <summary>A block turned out wrong on the disk: it is fetched anew and not taken from memory, or it would never be stored again.</summary>
    public void Forget(int number)
    {
        InflightBlock? block;
        lock (gate)
            block = Find(number) is { IsComplete: true, IsWriting: false } found ? found : null;
        if (block is not null)
            Drop(block);
    }

    /// <summary>Gives up what lingers: the object is being unloaded.</summary>
    public void Clear()
    {
        List<InflightBlock> lingering;
        lock (gate)
            lingering = [.. inflight.Values];
        lingering.ForEach(Drop);
    }

    public void Ended(Fetch fetch, int errno, string? reason)
    {
        List<BlockBuffer> buffers = [];
        lock (gate)
        {
            fetches.Remove(fetch);
            if (fetches.Count == 0)
                owner.Resources.Buffers.EndStream();
            if (errno != 0)
                Failure.Set(errno, reason);
            if (fetch.Purpose != FetchPurpose.Completion)
                awaitedAt = owner.Resources.Time.GetTimestamp();

            foreach (var block in inflight.Values.Where(b => b.Fetch == fetch && !b.IsComplete).ToList())
            {
                block.Release(errno);
                block.Fetch = null;
                if (block.Readers == 0 && Detach(block) is { } buffer)
                    buffers.Add(buffer);
                else
                    inflight.Remove(block.Number);
            }

            WakeUncovered(fetch, errno);
        }

        foreach (var buffer in buffers)
            owner.Resources.Buffers.Return(buffer);
        owner.FetchEnded();
    }

    /// <summary>[locked] Those who wait for a block that nobody brings any more fail with the fetch that should have, or look again.</summary>
    private void WakeUncovered(Fetch? ended, int errno)
    {
        foreach (var block in inflight.Values.Where(b => b.Fetch is null && !b.IsComplete && !IsCovered(b.Number)).ToList())
        {
            inflight.Remove(block.Number);
            block.Release(ended?.Covers(block.Number) == true ? errno : 0);
        }
    }

    private void Drop(InflightBlock block)
    {
        owner.Resources.Buffers.StopLingering(block);
        Reclaim(block);
    }

    private void Settle(InflightBlock block)
    {
        BlockBuffer? buffer = null;
        lock (gate)
        {
            if (block.Readers > 0 || block.IsWriting || block.Buffer is null)
                return;
            bool isCurrent = inflight.GetValueOrDefault(block.Number) == block;
            if (isCurrent && !block.IsComplete)
                return;
            if (!isCurrent || (!block.IsAwaited && map[block.Number] != BlockState.Missing))
                buffer = Detach(block);
        }

        if (buffer is null)
        {
            owner.Resources.Buffers.Linger(block);
            return;
        }

        owner.Resources.Buffers.StopLingering(block);
        owner.Resources.Buffers.Return(buffer);
    }

    /// <summary>[locked]</summary>
    private BlockBuffer? Detach(InflightBlock block)
    {
        if (inflight.GetValueOrDefault(block.Number) == block)
            inflight.Remove(block.Number);
        (BlockBuffer? buffer, block.Buffer) = (block.Buffer, null);
        return buffer;
    }

    private bool IsCovered(int block)
    {
        foreach (var fetch in fetches)
            if (fetch.Covers(block))
                return true;
        return false;
    }

    private bool IsComing(int block) =>
        IsReadable(block) || (inflight.TryGetValue(block, out var b) && (b.IsComplete || b.Fetch is not null)) || IsCovered(block);

    /// <summary>Fetches what is missing in a window, in requests that run side by side: a connection may be slow, and an answer far away.</summary>
    private void Fill(int from, int window, FetchPurpose purpose, int reach = 0)
    {
        window = Math.Min(window, owner.Resources.Buffers.Share);
        if (owner.StoringFault is not null)
            window = Math.Min(window, StreamPace.UnstoredAhead / 4);
        int segment = Math.Clamp(window / 2, 4, Segment);
        int end = (int)Math.Min(map.Count, (long)from + window);
        for (int block = from; block < end;)
        {
            if (IsComing(block))
            {
                block++;
                continue;
            }

            int last = block + 1;
            while (last < end && last - block < segment && !IsComing(last))
                last++;
            // The window moves with each read: a request is worth it for half of a small window, or for a segment of a large one.
            if (last == end && last < map.Count && block > from && last - block < Math.Min(segment, (window + 1) / 2))
                return;
            if (Failure.Refuse() != 0 || !Start(block, last, purpose, reach))
                return;
            block = last;
        }
    }

    /// <summary>False when it has to wait for one that runs.</summary>
    private bool Start(int block, int end, FetchPurpose purpose, int reach = 0)
    {
        bool wholeOnly = ranges == false || map.Size < 0;
        if (fetches.Count > 0 && (wholeOnly || ranges is null))
            return false; // One stream at a time, and one probe: whoever waits looks again when it ends.
        int last = block + 1;
        while (!wholeOnly && last < end && !IsComing(last))
            last++;
        var (first, after) = wholeOnly ? (0, int.MaxValue) : (block, last);
        var fetch = new Fetch(this, owner, owner.Source, first, after, purpose, reach);
        if (fetches.Count == 0)
            owner.Resources.Buffers.BeginStream();
        fetches.Add(fetch);
        _ = fetch.RunAsync();
        return true;
    }
}
