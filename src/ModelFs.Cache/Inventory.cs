using System.Runtime.CompilerServices;
using System.Threading.Channels;
using ModelFs.Cache.Objects;
using ModelFs.Cache.Space;

namespace ModelFs.Cache;

/// <summary>What lies in the cache, under the names that people know: looked at, evicted, verified and pinned.</summary>
/// <remarks>A path is <c>MLFLOW</c>, <c>MLFLOW/iris</c>, <c>MLFLOW/iris/2</c> and so on; it means all that lies below it too. Everything waits for the survey of a cache that was just opened.</remarks>
public sealed class Inventory
{
    private readonly BlockCache cache;
    private readonly CacheResources resources;

    /// <summary>One for each piece of work, and one until it is closed.</summary>
    private readonly CountdownEvent running = new(1);

    internal Inventory(BlockCache cache) => (this.cache, resources) = (cache, cache.Resources);

    /// <summary>Ends when all that lies in a cache that was just opened is counted.</summary>
    public Task Surveyed => cache.Surveyed;

    public IReadOnlyList<Pin> Pins => resources.Pins.All;

    public bool IsPinned(ObjectKey key) => resources.Pins.Contains(key);

    public Task<CacheInventory> SumUpAsync(CancellationToken cancellation) => RunAsync(SumUp, cancellation);

    /// <summary>The objects at a path, or all; in no order.</summary>
    public Task<IReadOnlyList<StoredObject>> ListAsync(string? path, CancellationToken cancellation) => RunAsync(() => List(path), cancellation);

    /// <summary>Removes what is neither open nor pinned.</summary>
    public Task<EvictionResult> EvictAsync(EvictionRequest request, CancellationToken cancellation) => RunAsync(() => Evict(request), cancellation);

    /// <summary>Reads what lies at a path, or all, from the disk again and drops what is wrong: it is fetched again when somebody reads it.</summary>
    /// <returns>A report a file, and others on the way through large ones.</returns>
    public async IAsyncEnumerable<ScrubReport> ScrubAsync(string? path, [EnumeratorCancellation] CancellationToken cancellation)
    {
        var reports = Channel.CreateBounded<ScrubReport>(16);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation, resources.Closing);
        var scrubbing = RunAsync(() =>
        {
            var objects = List(path).DistinctBy(o => o.Key).ToList();
            new Scrub(cache, objects, report => reports.Writer.WriteAsync(report, stop.Token).AsTask().GetAwaiter().GetResult(), stop.Token).Run();
            return true;
        }, stop.Token);
        _ = scrubbing.ContinueWith(t => reports.Writer.Complete(t.IsCanceled ? new TaskCanceledException(t) : t.Exception?.InnerException), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        try
        {
            await foreach (var report in reports.Reader.ReadAllAsync(cancellation).ConfigureAwait(false))
                yield return report;
        }
        finally
        {
            // Whoever stops listening stops the thread, which else would wait for room for its next report.
            await stop.CancelAsync().ConfigureAwait(false);
            await ((Task)scrubbing).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>Sets pins and takes others away, all or none. Objects that are not here yet are kept once they come.</summary>
    /// <returns>False when it was so already.</returns>
    /// <exception cref="IOException">The disk refuses; all is as before.</exception>
    public Task<bool> PinAsync(IReadOnlyList<Pin> set, IReadOnlyList<Pin> remove, CancellationToken cancellation) => RunAsync(() =>
    {
        var changes = remove.ToDictionary(pin => pin.Id, _ => (Pin?)null, StringComparer.Ordinal);
        foreach (var pin in set)
            changes[pin.Id] = pin;
        return resources.Pins.Change(changes);
    }, cancellation);

    /// <summary>Why objects cannot all be in the cache at once, by the sizes that are known; null when they can.</summary>
    public Task<Shortage?> ShortageOfAsync(IReadOnlyCollection<ObjectDescriptor> objects, CancellationToken cancellation) => RunAsync(
        () => new Fit(resources.Options, resources.Catalog, resources.Accounts, resources.Pins, resources.Space).ShortageOf(objects), cancellation);

    /// <summary>Waits for what is being done, however long that takes.</summary>
    internal void Close()
    {
        running.Signal();
        running.Wait();
    }

    private CacheInventory SumUp()
    {
        var open = cache.OpenKeys();
        var (count, oldest, newest) = (0, long.MaxValue, long.MinValue);
        var (pinned, pinnedBytes, held, heldBytes) = (0, 0L, 0, 0L);
        resources.Catalog.Visit((key, entry) =>
        {
            count++;
            (oldest, newest) = (Math.Min(oldest, entry.LastUse), Math.Max(newest, entry.LastUse));
            if (resources.Pins.Contains(key))
                (pinned, pinnedBytes) = (pinned + 1, pinnedBytes + entry.Bytes);
            if (open.Contains(key))
                (held, heldBytes) = (held + 1, heldBytes + entry.Bytes);
        });
        var space = resources.Space;
        return new CacheInventory(
            resources.Options.Directory,
            space.UsedBytes,
            resources.Options.MaxBytes,
            space.FreeBytes,
            resources.Options.MinFreeBytes,
            resources.Catalog.Bytes,
            space.IndexBytes,
            space.MetadataBytes,
            count,
            resources.Catalog.SealedCount,
            count == 0 ? null : Time(oldest),
            count == 0 ? null : Time(newest),
            pinned,
            pinnedBytes,
            held,
            heldBytes,
            resources.Totals.Since,
            [.. resources.Accounts.All.Where(a => a.Owner.Length > 0 || a.Objects > 0).OrderBy(a => a.Owner, StringComparer.Ordinal).Select(Share)],
            resources.Health.Fault);
    }

    private OwnerShare Share(Account account)
    {
        var totals = resources.Totals.Of(account);
        return new OwnerShare(
            account.Owner, account.Bytes, account.Objects, account.Sealed, account.Limits.MaxBytes, account.Limits.MaxAge, totals.Origin, totals.Served, account.Health.Fault);
    }

    private IReadOnlyList<StoredObject> List(string? path)
    {
        resources.Labels.Flush();
        var named = new HashSet<ObjectKey>();
        var open = cache.OpenKeys();
        var listed = new List<StoredObject>();
        foreach (var label in resources.Labels.Read(label => IsAt(label.Path, path)))
        {
            if (resources.Catalog.Find(label.Key) is not { } entry)
                continue;
            named.Add(label.Key);
            listed.Add(Describe(label.Key, label.Owner, label.Path, entry));
        }

        if (path is null)
        {
            foreach (var (key, entry) in resources.Catalog.Select((key, _) => !named.Contains(key)))
                listed.Add(Describe(key, entry.Account.Owner, key.ToString(), entry));
        }

        return [.. listed.DistinctBy(o => (o.Key, o.Path))];

        StoredObject Describe(ObjectKey key, string owner, string name, in Catalog.Entry entry) =>
            new(key, owner, name, entry.Bytes, entry.Sealed, Time(entry.LastUse), resources.Pins.Contains(key), open.Contains(key));
    }

    private EvictionResult Evict(EvictionRequest request)
    {
        // Names are read of what goes, and of no more: those of a million files take 800 MB.
        resources.Labels.Flush();
        var place = request.Path is null ? null : resources.Labels.Read(label => IsAt(label.Path, request.Path)).Select(label => label.Key).ToHashSet();
        var keys = cache.OpenKeys();
        var (open, pinned, bytes) = (0, 0, 0L);
        resources.Catalog.Visit((key, entry) =>
        {
            if (!IsThere(key, entry))
                return;
            bytes += entry.Bytes;
            if (keys.Contains(key))
                open++;
            else if (resources.Pins.Contains(key))
                pinned++;
        });
        var plan = request is { Path: null, All: false, ToBytes: null, OlderThan: null } ? resources.Space.Plan(0, 0, null) : resources.Space.NewPlan();
        if (request.OlderThan is { } age)
            plan.ChooseOlder(age, IsThere);
        long used = request.Path is null ? resources.Space.UsedBytes : bytes;
        if (request.ToBytes is { } most && used - plan.Bytes > most)
            plan.ChooseOldest(used - plan.Bytes - most, EvictionReason.Size, IsThere);
        if (request.All)
            plan.ChooseOldest(long.MaxValue, EvictionReason.Cleared, IsThere);
        var names = NamesOf(plan, request.Path);
        var gone = request.DryRun ? plan.Victims : resources.Space.Evict(plan);
        return new EvictionResult(
            [.. gone.Select(v => new EvictedObject(names.GetValueOrDefault(v.Key) ?? v.Key.ToString(), v.Bytes, Time(v.LastUse), v.Reason))],
            open,
            pinned,
            used - gone.Sum(v => v.Bytes));

        bool IsThere(ObjectKey key, Catalog.Entry entry) => place is null || place.Contains(key);
    }

    /// <summary>The first name of each victim, those that are known.</summary>
    private Dictionary<ObjectKey, string> NamesOf(EvictionPlan plan, string? path)
    {
        var names = new Dictionary<ObjectKey, string>();
        if (plan.Victims.Count == 0)
            return names;
        var victims = plan.Victims.Select(v => v.Key).ToHashSet();
        foreach (var label in resources.Labels.Read(label => victims.Contains(label.Key) && IsAt(label.Path, path)))
            names.TryAdd(label.Key, label.Path);
        return names;
    }

    private static bool IsAt(string path, string? place) =>
        place is null || (path.StartsWith(place, StringComparison.Ordinal) && (path.Length == place.Length || path[place.Length] == '/'));

    private static DateTimeOffset Time(long milliseconds) => DateTimeOffset.FromUnixTimeMilliseconds(milliseconds);

    /// <summary>On a thread of its own: an answer may take a disk minutes, and no reader waits for it.</summary>
    private async Task<T> RunAsync<T>(Func<T> work, CancellationToken cancellation)
    {
        await cache.Surveyed.WaitAsync(cancellation).ConfigureAwait(false);
        ObjectDisposedException.ThrowIf(resources.Closing.IsCancellationRequested || !running.TryAddCount(), cache);
        try
        {
            return await Task.Factory.StartNew(work, cancellation, TaskCreationOptions.LongRunning, TaskScheduler.Default).ConfigureAwait(false);
        }
        finally
        {
            running.Signal();
        }
    }
}
