using ModelFs.Cache.Disk;
using ModelFs.Cache.Fetching;

namespace ModelFs.Cache.Objects;

/// <summary>Brings one object to its end: all of its blocks fetched in order, stored and sealed.</summary>
/// <remarks>Members marked [locked] are called under the object's lock; the others take it.</remarks>
internal sealed class Completion(CachedObject owner, BlockMap map, FetchPlan plan, WriteQueue writes, Sealing sealing, Lock gate)
{
    /// <summary>A file that is read through for so long will be read whole.</summary>
    private const long EagerRun = 64 << 20;

    /// <summary>Fetches in a row of which nothing could be stored: one may fall into a moment of eviction, three say that there is no room.</summary>
    private const int FruitlessFetches = 3;

    /// <summary>A disk that hangs for a moment costs no prefetch.</summary>
    private static readonly TimeSpan HangLimit = TimeSpan.FromSeconds(5);

    /// <summary>The background waits until nothing was fetched for a reader for so long: what a reader's own read-ahead brings need not be read back from the disk.</summary>
    private static readonly TimeSpan Rest = TimeSpan.FromMilliseconds(500);

    /// <summary>After so long it goes on beside readers for whom there is always something to fetch.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    /// <summary>Beside readers it rests so many times as long as it has fetched: it takes an eighth of one connection.</summary>
    private const int Restraint = 7;

    private const int MaxWindow = ReadAhead.MaxWindow / CacheOptions.BlockSize;

    /// <summary>[locked] It goes on in the background.</summary>
    public bool IsRunning { get; private set; }

    private CacheResources Resources => owner.Resources;

    /// <summary>[locked] Begins in the background once so much was read in a row that the rest will be read too.</summary>
    /// <param name="run">Bytes that were read in a row; 0 for a first read.</param>
    public void BeginAfter(long run)
    {
        if (run == 0 || map.Size < 0 || run < Math.Min(EagerRun, map.Size / 4) || map.IsComplete || IsRunning
            || map.Size > Resources.Options.MaxBytes / 2 || map.Size > owner.Account.Limits.MaxBytes / 2 || owner.StoringFault is not null)
        {
            return;
        }

        IsRunning = true;
        _ = RunInBackgroundAsync();
    }

    /// <param name="pace">How fast what is missing may come; readers are not held to it.</param>
    public async ValueTask<CacheRead> RunAsync(Pace? pace, CancellationToken cancellation)
    {
        // A stream is paced block by block as it passes, ranges by asking for no more at once than it allows.
        plan.Pace.Limit = pace;
        try
        {
            return await FetchAllAsync(isBackground: false, pace, cancellation).ConfigureAwait(false);
        }
        finally
        {
            plan.Pace.Limit = null;
        }
    }

    private async ValueTask<CacheRead> FetchAllAsync(bool isBackground, Pace? pace, CancellationToken cancellation)
    {
        // In the background a quarter of what a reader gets, who may come at any time.
        int count = (int)Math.Clamp((pace?.AtOnce ?? long.MaxValue) / CacheOptions.BlockSize, 1, isBackground ? MaxWindow / 4 : MaxWindow);
        long begun = Resources.Time.GetTimestamp();
        var paid = plan.CompletedBlocks;
        int fruitless = 0, offered = -1;
        while (!sealing.IsSealed)
        {
            if (sealing.IsQuarantined)
                return new CacheRead(0, Linux.EIO);
            Task<int> next;
            int present = map.PresentCount;
            bool isFetch = false, isStream = false, isRefused = false;
            List<InflightBlock> unstored = [];
            lock (gate)
            {
                if (map.IsComplete)
                    next = sealing.Begin();
                else if (plan.Failure.Refuse() is var refused and not 0)
                    return new CacheRead(0, refused);
                else if (isBackground && plan.IsAwaited(Rest))
                    next = BesideReadersAsync(Resources.Time.GetElapsedTime(begun) < Patience ? null : plan.FetchLast(), cancellation);
                else if (plan.FetchMissing(count) is { } fetch)
                    (next, isFetch, isStream) = (fetch.Done, true, fetch.IsStream);
                else if ((unstored = FindUnstored()).Count > 0 && present == offered)
                    (next, unstored, isRefused) = (Task.FromResult(0), [], true);
                else
                    next = NextChange();
                unstored.ForEach(b => b.IsWriting = true);
            }

            // All is in memory. What the disk did not take it may take by now: it is offered once, and again while some of it is stored.
            if (unstored.Count > 0)
                offered = present;
            unstored.ForEach(block => WriteJob.Post(owner, writes, block));

            if (await next.WaitAsync(cancellation).ConfigureAwait(false) is var errno and not 0)
                return new CacheRead(0, errno);

            // By what has arrived: what is on the disk lags behind.
            if (pace is not null && !isStream && plan.CompletedBlocks > paid)
                await pace.SpendAsync((plan.CompletedBlocks - paid) * (long)CacheOptions.BlockSize, cancellation).ConfigureAwait(false);
            paid = plan.CompletedBlocks;

            // Blocks that found no place are dropped for others and would be fetched again, for ever.
            if (map.PresentCount > present || owner.StoringFault is null)
                fruitless = 0;
            else if (isFetch)
                fruitless++;
            if (fruitless < FruitlessFetches && !isRefused)
                continue;
            if (!await OutlastHangAsync(cancellation).ConfigureAwait(false))
                return new CacheRead(0, Linux.ENOSPC);
            (fruitless, offered) = (0, -1);
        }

        return new CacheRead(map.Size, 0);
    }

    /// <summary>The size; where nobody knows it, the whole is fetched to find out.</summary>
    public async ValueTask<CacheRead> GetSizeAsync(CancellationToken cancellation)
    {
        while (map.Size < 0)
        {
            Fetch? fetch;
            Task change;
            lock (gate)
            {
                if (plan.Failure.Refuse() is var refused and not 0)
                    return new CacheRead(0, refused);
                plan.Pace.WantAll();
                fetch = plan.FetchMissing(1);
                change = owner.Changed;
            }

            if (fetch is null || map.Size >= 0)
                continue;
            await Task.WhenAny(change, fetch.Done).WaitAsync(cancellation).ConfigureAwait(false);
            if (map.Size < 0 && fetch.Done.IsCompleted && await fetch.Done.ConfigureAwait(false) is var errno and not 0)
                return new CacheRead(0, errno);
        }

        return sealing.IsQuarantined ? new CacheRead(0, Linux.EIO) : new CacheRead(map.Size, 0);
    }

    /// <summary>False when the disk does not hang, or for too long.</summary>
    private async ValueTask<bool> OutlastHangAsync(CancellationToken cancellation)
    {
        if (!Resources.Health.IsHung)
            return false;
        for (long begun = Resources.Time.GetTimestamp(); Resources.Health.IsHung && Resources.Time.GetElapsedTime(begun) < HangLimit;)
            await Task.Delay(TimeSpan.FromMilliseconds(100), Resources.Time, cancellation).ConfigureAwait(false);
        return !Resources.Health.IsHung;
    }

    private async Task<int> BesideReadersAsync(Fetch? fetch, CancellationToken cancellation)
    {
        long begun = Resources.Time.GetTimestamp();
        int errno = fetch is null ? 0 : await fetch.Done.WaitAsync(cancellation).ConfigureAwait(false);
        var rest = fetch is null ? Rest : Resources.Time.GetElapsedTime(begun) * Restraint;
        await Task.Delay(rest > Rest ? rest : Rest, Resources.Time, cancellation).ConfigureAwait(false);
        return errno;
    }

    /// <summary>[locked] What lies in memory only, for the writers once more; nothing while they are still at some of it.</summary>
    private List<InflightBlock> FindUnstored()
    {
        var unstored = plan.Blocks.Where(b => b.IsComplete && map[b.Number] == BlockState.Missing).ToList();
        return unstored.Exists(b => b.IsWriting) ? [] : unstored;
    }

    /// <summary>[locked]</summary>
    private Task<int> NextChange() =>
        owner.Changed.ContinueWith(static _ => 0, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);

    private async Task RunInBackgroundAsync()
    {
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        try
        {
            await Resources.CompletionPlaces.EnterAsync(owner.Descriptor.Owner, Resources.Closing).ConfigureAwait(false);
            try
            {
                await FetchAllAsync(isBackground: true, null, Resources.Closing).ConfigureAwait(false);
            }
            finally
            {
                Resources.CompletionPlaces.Leave(owner.Descriptor.Owner);
            }
        }
        catch (OperationCanceledException)
        {
        }
        finally
        {
            lock (gate)
                IsRunning = false;
        }
    }
}
