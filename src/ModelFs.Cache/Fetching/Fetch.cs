using System.Buffers;
using ModelFs.Cache.Disk;
using ModelFs.Cache.Objects;

namespace ModelFs.Cache.Fetching;

/// <summary>One request to the source: a run of blocks, or, where the source cannot do ranges, the one stream of the whole object.</summary>
internal sealed class Fetch(FetchPlan plan, CachedObject owner, IObjectSource source, int first, int end, FetchPurpose purpose, int reach)
{
    private const int BlockSize = CacheOptions.BlockSize;

    /// <summary>Attempts in a row that bring no new block before the readers are told.</summary>
    private const int Retries = 3;

    /// <summary>Before the first attempt that follows one without any new block; it doubles.</summary>
    private static readonly TimeSpan RetryDelay = TimeSpan.FromMilliseconds(100);

    private readonly CancellationTokenSource promotion = new();
    private readonly TaskCompletionSource<int> done = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>The block that comes next. Guarded by the object's lock.</summary>
    public int Next { get; set; } = first;

    /// <summary>The first block that does not come; the highest number there is for a stream. Guarded by the object's lock.</summary>
    public int End { get; set; } = end;

    /// <summary>Blocks that it has brought. Guarded by the object's lock.</summary>
    public int Completed { get; set; }

    public FetchPurpose Purpose => purpose;

    /// <summary>So many blocks around those that it brings will be wanted too: all that there are, or as many as were read or sent in a row.</summary>
    public int Reach => purpose == FetchPurpose.Completion ? int.MaxValue : IsStream ? Completed : reach;

    /// <summary>0 or the errno, when it is over.</summary>
    public Task<int> Done => done.Task;

    public bool IsStream => End == int.MaxValue;

    public bool Covers(int block) => block >= Next && block < End;

    /// <summary>A reader waits for it now: it does not queue behind read-ahead any more.</summary>
    public void Promote() => _ = promotion.CancelAsync();

    /// <summary>Runs to its end; never throws.</summary>
    public async Task RunAsync()
    {
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        var result = new Outcome(Linux.EIO, "the cache is closing");
        try
        {
            var places = owner.Resources.AheadPlaces;
            if (purpose == FetchPurpose.Demand || !await EnterAheadAsync(places, owner.Resources.Closing).ConfigureAwait(false))
            {
                places = owner.Resources.DemandPlaces;
                await places.EnterAsync(owner.Descriptor.Owner, owner.Resources.Closing).ConfigureAwait(false);
            }

            try
            {
                result = await TryRepeatedlyAsync().ConfigureAwait(false);
            }
            finally
            {
                places.Leave(owner.Descriptor.Owner);
            }
        }
        catch (OperationCanceledException) when (owner.Resources.Closing.IsCancellationRequested)
        {
        }
        catch (Exception e)
        {
            // The source is somebody else's code: whatever it throws fails this fetch, and nothing else.
            Log.Unexpected(owner.Resources.Log, e, "fetching");
            result = new Outcome(Linux.EIO, e.Message);
        }

        if (result.Errno != 0 && !owner.Resources.Closing.IsCancellationRequested)
            Log.FetchFailed(owner.Resources.Log, owner.Name, Next, result.Errno, result.Reason);
        plan.Ended(this, result.Errno, result.Reason);
        done.SetResult(result.Errno);
    }

    /// <summary>Takes a place among those that read ahead. False when a reader came to wait for it first.</summary>
    private async Task<bool> EnterAheadAsync(FetchPlaces places, CancellationToken cancellation)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellation, promotion.Token);
        try
        {
            await places.EnterAsync(owner.Descriptor.Owner, either.Token).ConfigureAwait(false);
            return true;
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            return false;
        }
    }

    private async Task<Outcome> TryRepeatedlyAsync()
    {
        for (int failures = 0; ;)
        {
            int before = Completed;
            var outcome = await TransferAsync().ConfigureAwait(false);
            if (outcome.Errno == 0 || !outcome.MayRetry)
                return outcome;
            failures = Completed > before && !IsStream ? 1 : failures + 1;
            if (failures > Retries)
                return outcome;
            if (Completed == before)
                await Task.Delay(RetryDelay * (1 << (failures - 1)), owner.Resources.Time, owner.Resources.Closing).ConfigureAwait(false);
        }
    }

    private async Task<Outcome> TransferAsync()
    {
        var cancellation = owner.Resources.Closing;
        int block = plan.Resume(this);
        long size = owner.Size;
        if (block >= End || (size >= 0 && (long)block * BlockSize >= size))
            return default;
        long offset = (long)block * BlockSize;
        long length = size < 0 ? long.MaxValue : IsStream ? size : Math.Min((long)End * BlockSize, size) - offset;

        SourceStream stream;
        try
        {
            stream = await source.OpenAsync(offset, length, cancellation).ConfigureAwait(false);
        }
        catch (SourceException e)
        {
            return new Outcome(e.Errno, e.Message);
        }

        await using (stream.ConfigureAwait(false))
        {
            if (stream.TotalLength is { } total && plan.Learn(total) is { } contradiction)
                return new Outcome(Linux.EIO, contradiction);
            if (stream.Offset != offset && stream.Offset != 0)
                return new Outcome(Linux.EIO, $"asked for byte {offset}, the source answered from byte {stream.Offset}");
            if (stream.Offset != offset && !plan.BecomeStream(this))
                return default; // Its readers look again, and find that the others have to end first.
            if (offset > 0 && stream.Offset == offset)
                plan.ConfirmRanges();
            try
            {
                return await ReadBodyAsync(stream, (int)(stream.Offset / BlockSize), cancellation).ConfigureAwait(false);
            }
            catch (SourceException e)
            {
                return new Outcome(e.Errno, e.Message, MayRetry: true);
            }
            catch (IOException e)
            {
                return new Outcome(Linux.EIO, e.Message, MayRetry: true);
            }
        }
    }

    private async Task<Outcome> ReadBodyAsync(SourceStream stream, int block, CancellationToken cancellation)
    {
        byte[] peeked = new byte[1];
        int carried = 0;
        while (true)
        {
            if (!IsStream && block >= End)
            {
                // From a body that began at 0 and should end here, one byte more tells that the source knows no ranges.
                if (stream.Offset != 0 || !plan.RangesUnknown || block >= owner.BlockCount)
                    return default;
                carried = await stream.Body.ReadAsync(peeked, cancellation).ConfigureAwait(false);
                if (carried == 0)
                {
                    plan.ConfirmRanges();
                    return default;
                }

                if (!plan.BecomeStream(this))
                    return default;
            }

            if (IsStream && !await plan.Pace.MayGoOnAsync(block, cancellation).ConfigureAwait(false))
                return default;
            if (block >= owner.BlockCount)
                return default;

            var target = plan.Begin(this, block);
            var outcome = target is null
                ? await SkipAsync(stream.Body, owner.LengthOf(block) - carried, cancellation).ConfigureAwait(false)
                : await FillAsync(stream.Body, target, peeked.AsMemory(0, carried), cancellation).ConfigureAwait(false);
            if (outcome.Errno != 0 || outcome.AtEnd)
                return outcome;
            carried = 0;
            block++;
        }
    }

    private async Task<Outcome> FillAsync(Stream body, InflightBlock target, ReadOnlyMemory<byte> carried, CancellationToken cancellation)
    {
        var buffer = target.Buffer ?? plan.Attach(target, await owner.Resources.Buffers.RentAsync(purpose == FetchPurpose.Demand || promotion.IsCancellationRequested, cancellation).ConfigureAwait(false));
        int filled = 0;
        if (target.Filled > 0)
        {
            // An attempt before this one got so far, and readers have had those bytes.
            filled = target.Filled;
            var skipped = await SkipAsync(body, filled - carried.Length, cancellation).ConfigureAwait(false);
            if (skipped.Errno != 0)
                return skipped;
        }
        else if (!carried.IsEmpty)
        {
            carried.CopyTo(buffer.Memory);
            filled = carried.Length;
        }

        int length = owner.LengthOf(target.Number);
        bool isLast = target.Number == owner.BlockCount - 1;
        while (filled < length)
        {
            int n = await body.ReadAsync(buffer.Memory.Slice(filled, length - filled), cancellation).ConfigureAwait(false);
            if (n == 0)
                return End(target, filled);
            owner.Fetched(n);
            filled += n;
            // The end of the object is handed out only when the body ends there too.
            if (filled < length || !isLast)
                plan.Advance(target, filled);
        }

        if (isLast && await body.ReadAsync(new byte[1], cancellation).ConfigureAwait(false) != 0)
            return new Outcome(Linux.EIO, $"the body is longer than the object's {owner.Size} bytes");
        plan.Complete(target, length);
        return default;

        Outcome End(InflightBlock block, int at)
        {
            if (owner.Size >= 0)
                return Short;
            plan.Learn((long)block.Number * BlockSize + at);
            if (at > 0)
                plan.Complete(block, at);
            return new Outcome(0, "", AtEnd: true);
        }
    }

    private async Task<Outcome> SkipAsync(Stream body, int count, CancellationToken cancellation)
    {
        byte[] scratch = ArrayPool<byte>.Shared.Rent(64 * 1024);
        try
        {
            while (count > 0)
            {
                int n = await body.ReadAsync(scratch.AsMemory(0, Math.Min(count, scratch.Length)), cancellation).ConfigureAwait(false);
                if (n == 0)
                    return Short;
                owner.Fetched(n);
                count -= n;
            }

            return default;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(scratch);
        }
    }

    private static Outcome Short => new(Linux.EIO, "the body ended too early", MayRetry: true);

    private readonly record struct Outcome(int Errno, string Reason, bool MayRetry = false, bool AtEnd = false);
}
