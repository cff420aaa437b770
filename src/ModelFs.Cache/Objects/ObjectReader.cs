using ModelFs.Cache.Disk;
using ModelFs.Cache.Fetching;

namespace ModelFs.Cache.Objects;

/// <summary>Reads one object: from memory while its bytes arrive, then from the disk; without blocking where the page cache has them, else on a disk thread.</summary>
internal sealed class ObjectReader(CachedObject owner, BlockMap map, FetchPlan plan, Lock gate)
{
    private const int BlockSize = CacheOptions.BlockSize;

    /// <summary>A window up to here comes in the request that the reader waits for; what is beyond comes beside it.</summary>
    private const int SmallWindow = 1 << 20;

    private readonly ReadAhead readAhead = new();

    public bool TryRead(long offset, Span<byte> destination, out int count)
    {
        count = 0;
        long size = map.Size;
        if (owner.IsQuarantined || size < 0)
            return false;
        int length = (int)Math.Clamp(size - offset, 0, destination.Length);
        if (length == 0)
            return true;
        int first = (int)(offset / BlockSize), last = (int)((offset + length - 1) / BlockSize);
        bool read = map.IsVerified(first, last) && owner.Disk.File is { } file
            ? file.TryReadCached(destination[..length], offset)
            : TryReadInflight(offset, destination[..length]);
        if (!read)
            return false;
        count = length;
        if (!owner.IsSealed)
        {
            lock (gate)
                owner.LookAhead(readAhead.Observe(offset, length));
        }

        owner.Used(length, waited: false);
        return true;
    }

    public async ValueTask<CacheRead> ReadAsync(long offset, Memory<byte> destination, CancellationToken cancellation)
    {
        if (offset >= CachedObject.MaxSize)
            return default;
        ReadAhead.Hint hint;
        lock (gate)
            hint = readAhead.Observe(offset, destination.Length);

        int done = 0;
        bool waited = false;
        while (true)
        {
            Step step;
            lock (gate)
            {
                step = Next(offset + done, destination.Length - done, hint);
                if (done == 0)
                    owner.LookAhead(hint);
            }

            switch (step.Kind)
            {
                case StepKind.End:
                    owner.Used(done, waited);
                    return new CacheRead(done, 0);
                case StepKind.Fail:
                    return new CacheRead(0, step.Count);
                case StepKind.Disk:
                    // Null where the disk hangs: the next step is another.
                    done += await ReadJob.RunAsync(owner.Resources, owner.Disk, offset + done, destination.Slice(done, step.Count), cancellation).ConfigureAwait(false) ?? 0;
                    break;
                default:
                    waited |= step.Waiter is not null;
                    var (copied, errno) = await CopyAsync(step, offset + done, destination[done..], cancellation).ConfigureAwait(false);
                    if (errno != 0)
                        return new CacheRead(0, errno);
                    done += copied;
                    break;
            }
        }
    }

    /// <summary>[locked] How the next bytes of a read are had.</summary>
    private Step Next(long position, int remaining, in ReadAhead.Hint hint)
    {
        if (owner.IsQuarantined)
            return new Step(StepKind.Fail, Linux.EIO);
        if (remaining == 0 || (map.Size >= 0 && position >= map.Size))
            return new Step(StepKind.End);
        if (map.Size >= 0)
            remaining = (int)Math.Min(remaining, map.Size - position);
        int number = (int)(position / BlockSize), within = (int)(position % BlockSize);
        int wanted = Math.Min(remaining, map.LengthOf(number) - within);
        var block = plan.Find(number);
        if (block is null || block.Filled <= within)
        {
            if (plan.IsReadable(number))
            {
                while (wanted < remaining && plan.IsReadable((int)((position + wanted) / BlockSize)))
                    wanted = Math.Min(remaining, wanted + map.LengthOf((int)((position + wanted) / BlockSize)));
                return new Step(StepKind.Disk, wanted);
            }

            long end = Math.Max(position + remaining, hint.Position + Math.Min(hint.Window, SmallWindow));
            int blocks = (int)Math.Min(map.Count, (end + BlockSize - 1) / BlockSize);
            if (plan.Demand(number, blocks, out block) is var errno and not 0)
                return new Step(StepKind.Fail, errno);
        }

        block.Readers++;
        return block.Filled > within
            ? new Step(StepKind.Copy, wanted, block)
            : new Step(StepKind.Copy, wanted, block, block.Wait(Math.Min(within + wanted, map.LengthOf(number))));
    }

    private async ValueTask<(int Copied, int Errno)> CopyAsync(Step step, long position, Memory<byte> destination, CancellationToken cancellation)
    {
        var block = step.Block!;
        try
        {
            if (step.Waiter is { } waiter && await waiter.Task.WaitAsync(cancellation).ConfigureAwait(false) is var errno and not 0)
                return (0, errno);
            return (Copy(block, (int)(position % BlockSize), destination.Span[..Math.Min(step.Count, destination.Length)]), 0);
        }
        finally
        {
            plan.Unread(block);
        }
    }

    /// <summary>Copies what has arrived; the caller is one of the block's readers, so that its buffer stays.</summary>
    private int Copy(InflightBlock block, int within, Span<byte> destination)
    {
        BlockBuffer? buffer;
        int count;
        lock (gate)
        {
            buffer = block.Buffer;
            count = Math.Min(destination.Length, block.Filled - within);
            if (buffer is null || count <= 0)
                return 0;
            block.Consumed += count;
            block.IsAwaited &= block.Consumed < map.LengthOf(block.Number);
        }

        buffer.Span.Slice(within, count).CopyTo(destination);
        return count;
    }

    private bool TryReadInflight(long offset, Span<byte> destination)
    {
        int done = 0;
        while (done < destination.Length)
        {
            int number = (int)((offset + done) / BlockSize), within = (int)((offset + done) % BlockSize);
            var target = destination.Slice(done, Math.Min(destination.Length - done, BlockSize - within));
            InflightBlock? block;
            lock (gate)
            {
                block = plan.Find(number);
                if (block is not null && block.Filled < within + target.Length)
                    block = null;
                if (block is not null)
                    block.Readers++;
            }

            if (block is not null)
            {
                Copy(block, within, target);
                plan.Unread(block);
            }
            else if (!map.IsVerified(number, number) || owner.Disk.File?.TryReadCached(target, offset + done) != true)
            {
                return false;
            }

            done += target.Length;
        }

        return true;
    }

    private enum StepKind
    {
        End,
        Fail,
        Disk,
        Copy,
    }

    /// <param name="Count">Bytes; for <see cref="StepKind.Fail"/> the errno.</param>
    private readonly record struct Step(StepKind Kind, int Count = 0, InflightBlock? Block = null, InflightBlock.Waiter? Waiter = null);
}
