using ModelFs.Cache.Disk;
using ModelFs.Cache.Objects;
using ModelFs.Cache.Space;

namespace ModelFs.Cache;

/// <summary>What has to be done now and then, on a thread of its own: checkpoints, limits, sealing what could not be sealed, the sign of life.</summary>
internal sealed class Upkeep : IDisposable
{
    private static readonly TimeSpan Tick = TimeSpan.FromSeconds(1);

    /// <summary>What a <c>kill -9</c> may cost of an object that is not sealed.</summary>
    private static readonly TimeSpan CheckpointEvery = TimeSpan.FromSeconds(2);

    /// <summary>What a <c>kill -9</c> may cost of the count of bytes fetched and served.</summary>
    private static readonly TimeSpan TotalsEvery = TimeSpan.FromMinutes(1);

    /// <summary>How much the index may lag behind the last use of an object: eviction needs no more, and a warm cache writes next to nothing.</summary>
    private static readonly TimeSpan LastUseGrain = TimeSpan.FromMinutes(10);

    private static readonly TimeSpan LastUseGrainAtStop = TimeSpan.FromMinutes(1);

    /// <summary>Closed objects that stay loaded: reopened, they need no look into the index and no second verification.</summary>
    private const int IdleObjects = 256;

    private readonly CacheResources resources;
    private readonly BlockCache cache;
    private readonly DirectoryLock owner;
    private readonly SlowScrub slowScrub;
    private readonly AutoResetEvent wake = new(false);
    private readonly ITimer timer;
    private readonly Thread thread;
    private readonly TaskCompletionSource surveyed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile bool stopping;
    private bool isSurveyed;
    private long lastCheckpoint;
    private long lastBeat;
    private long lastTotals;

    public Upkeep(BlockCache cache, CacheResources resources, DirectoryLock owner, SlowScrub slowScrub)
    {
        (this.cache, this.resources, this.owner, this.slowScrub) = (cache, resources, owner, slowScrub);
        lastCheckpoint = lastBeat = lastTotals = resources.Time.GetTimestamp();
        timer = resources.Time.CreateTimer(_ => wake.Set(), null, Tick, Tick);
        thread = new Thread(Loop) { IsBackground = true, Name = "modelfs-upkeep" };
        thread.Start();
    }

    /// <summary>The accounts are whole from here on.</summary>
    public Task Surveyed => surveyed.Task;

    /// <summary>The last round: all that was written goes to the index.</summary>
    /// <returns>False when it has not ended yet.</returns>
    public bool Stop(TimeSpan limit)
    {
        stopping = true;
        wake.Set();
        return thread.Join(limit);
    }

    /// <summary>Waits for the end of the last round, however long that takes.</summary>
    public void Dispose()
    {
        thread.Join();
        // The timer may be in the middle of setting it: it is left to the collector.
        timer.Dispose();
    }

    private void Loop()
    {
        Try("surveying", TakeSurvey);
        if (isSurveyed)
            Try("verifying", slowScrub.Begin);
        surveyed.SetResult();
        while (!stopping)
        {
            wake.WaitOne();
            if (stopping)
                break;
            Try("beating", Beat);
            Try("checking limits", CheckLimits);
            Try("writing the index", Checkpoint);
            Try("sealing", SealAndUnload);
            Try("writing names", WriteLabels);
            Try("writing totals", () => SaveTotals(TotalsEvery));
        }

        Try("writing the index", CheckpointAtStop);
        Try("writing names", resources.Labels.Flush);
        Try("writing totals", () => SaveTotals(TimeSpan.Zero));
    }

    private void TakeSurvey()
    {
        resources.Space.Refresh();
        resources.Space.SetIndexBytes(IndexBytes());
        resources.Space.AddMetadataBytes(Survey.AllocatedBytes(cache.MetadataDirectory));
        Survey.Run(resources, key => cache.TryReserve(key, static _ => false), cache.EndReservation, () =>
        {
            // A million objects take a while, and what is fetched meanwhile is not to be lost.
            Try("beating", Beat);
            Try("writing the index", Checkpoint);
        });
        resources.Labels.Load(label => resources.Catalog.Own(label.Key, resources.Accounts.Of(label.Owner)));
        isSurveyed = !resources.Closing.IsCancellationRequested;
        if (isSurveyed)
            resources.Labels.Compact(cache.IsHeld, resources.Catalog.Count);
        KeepLimits();
    }

    private void Beat()
    {
        if (resources.Time.GetElapsedTime(lastBeat) < DirectoryLock.BeatEvery)
            return;
        lastBeat = resources.Time.GetTimestamp();
        if (owner.Beat(resources.Time) is not { } other)
            return;
        slowScrub.Cancel();
        resources.Health.FailedForGood("the cache directory belongs to somebody else now");
        Log.OwnershipLost(resources.Log, resources.Options.Directory, other.ReplaceLineEndings(" "));
    }

    private void CheckLimits()
    {
        resources.Space.Refresh();
        resources.Space.SetIndexBytes(IndexBytes());
        KeepLimits();
    }

    private void KeepLimits()
    {
        if (resources.Options.KeepsLimits)
            resources.Space.MakeRoom();
    }

    private void Checkpoint()
    {
        if (resources.Time.GetElapsedTime(lastCheckpoint) < CheckpointEvery)
            return;
        foreach (var item in cache.Loaded())
        {
            // The last round does them all at once.
            if (stopping)
                return;
            item.Index(LastUseGrain);
        }

        CheckpointIndex();
    }

    /// <summary>Files are brought to the disk side by side: one after the other, many small ones would not fit into the time there is.</summary>
    private void CheckpointAtStop()
    {
        Task.WaitAll(cache.Loaded().Select(item => resources.Readers.RunAsync(() => item.Index(LastUseGrainAtStop))));
        CheckpointIndex();
    }

    private void CheckpointIndex()
    {
        Func<ObjectKey, uint?>? generations = isSurveyed ? resources.Catalog.GenerationOf : null;
        resources.Index.Checkpoint(generations, resources.Catalog.LiveRecords);
        lastCheckpoint = resources.Time.GetTimestamp();
    }

    private void SealAndUnload()
    {
        var loaded = cache.Loaded();
        foreach (var item in loaded)
        {
            if (item.NeedsSealing && resources.Health.MayTry())
                item.Seal();
        }

        var idle = loaded.Where(o => o is { Handles: 0, IsSettled: true }).OrderByDescending(o => o.LastUse).Skip(IdleObjects).ToList();
        foreach (var item in idle)
        {
            if (cache.TryReserve(item.Key, static o => o.IsSettled))
                cache.EndReservation(item.Key);
        }
    }

    private void WriteLabels()
    {
        resources.Labels.Flush();
        if (isSurveyed)
            resources.Labels.Compact(cache.IsHeld, null);
    }

    private void SaveTotals(TimeSpan every)
    {
        if (resources.Time.GetElapsedTime(lastTotals) < every)
            return;
        lastTotals = resources.Time.GetTimestamp();
        resources.Totals.Save();
    }

    private long IndexBytes() => Survey.AllocatedBytes(cache.IndexBlocksDirectory) + cache.Ordinals.Bytes + resources.Labels.Bytes;

    private void Try(string doing, Action action)
    {
        try
        {
            action();
        }
        catch (Exception e)
        {
            // The thread goes on: the next round may succeed, and without it nothing would be evicted any more.
            Log.Unexpected(resources.Log, e, doing);
        }
    }
}
