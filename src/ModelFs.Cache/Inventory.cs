using System.Runtime.CompilerServices;
using System.Threading.Channels;
using ModelFs.Cache.Objects;
using ModelFs.Cache.Space;

namespace ModelFs.Cache;

/// <summary>What lies in the cache, under the names that people know: looked at, evicted, verified and pinned.</summary>
/// <remarks>A path is <c>MLFLOW</c>, <c>MLFLOW/iris</c>, <c>MLFLOW/iris/2</c> and so on; it means all that lies below it too. Everything waits for the survey of a cache that was just opened.</remarks>
public sealed class Inventory
{
    /// <summary>Objects of a listing that are handed on at once: about 400 KB.</summary>
    private const int PageSize = 1024;

    /// <summary>Pages, or reports, that are made before somebody takes them.</summary>
    private const int MostWaiting = 4;

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

    /// <summary>The objects at a path, or all; in no order. They are looked up as they are taken: memory holds a page of them, and of all 15 bytes each.</summary>
    public async IAsyncEnumerable<StoredObject> ListAsync(string? path, [EnumeratorCancellation] CancellationToken cancellation)
    {
        await foreach (var page in ProduceAsync<StoredObject[]>((give, _) => GivePages(path, give), cancellation).ConfigureAwait(false))
        {
            foreach (var stored in page)
                yield return stored;
        }
    }

    /// <summary>What lies here of a pin's objects, in bytes.</summary>
    public Task<long> BytesOfAsync(Pin pin, CancellationToken cancellation) =>
        RunAsync(() => pin.Objects().Sum(key => resources.Catalog.Find(key)?.Bytes ?? 0), cancellation);

    /// <summary>Removes what is neither open nor pinned.</summary>
    public Task<EvictionResult> EvictAsync(EvictionRequest request, CancellationToken cancellation) => RunAsync(() => Evict(request), cancellation);

    /// <summary>Reads what lies at a path, or all, from the disk again and drops what is wrong: it is fetched again when somebody reads it.</summary>
    /// <returns>A report a file, and others on the way through large ones.</returns>
    public IAsyncEnumerable<ScrubReport> ScrubAsync(string? path, CancellationToken cancellation) => ProduceAsync<ScrubReport>(
        (report, stop) => new Scrub(cache, [.. Enumerate(path).DistinctBy(o => o.Key)], report, stop).Run(), cancellation);

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

    private void GivePages(string? path, Action<StoredObject[]> give)
    {
        foreach (var page in Enumerate(path).Chunk(PageSize))
            give(page);
    }

    private IEnumerable<StoredObject> Enumerate(string? path)
    {
        resources.Labels.Flush();
        var named = new HashSet64(path is null ? resources.Catalog.Count : 0);
        var open = cache.OpenKeys();
        foreach (var label in resources.Labels.Read(label => IsAt(label.Path, path)))
        {
            if (resources.Catalog.Find(label.Key) is not { } entry)
                continue;
            if (path is null)
                named.Add(HashOf(label.Key));
            yield return Describe(label.Key, label.Owner, label.Path, entry);
        }

        if (path is not null)
            yield break;
        var unnamed = new List<ObjectKey>();
        resources.Catalog.Visit((key, _) =>
        {
            if (named.Add(HashOf(key)))
                unnamed.Add(key);
        });
        var names = NamesOf(unnamed, null); // of those that came meanwhile
        foreach (var key in unnamed)
        {
            if (resources.Catalog.Find(key) is { } entry)
                yield return Describe(key, entry.Account.Owner, names.GetValueOrDefault(key) ?? key.ToString(), entry);
        }

        StoredObject Describe(ObjectKey key, string owner, string name, in Catalog.Entry entry) =>
            new(key, owner, name, entry.Bytes, entry.Sealed, Time(entry.LastUse), resources.Pins.Contains(key), open.Contains(key));

        // Keys are hashes themselves: that any two of a million have the same 64 bits happens once in forty million times.
        static ulong HashOf(ObjectKey key) => ((ulong)(key.Value >> 64) ^ (ulong)key.Value) * 0x9E3779B97F4A7C15ul;
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
        var names = NamesOf(plan.Victims.Select(v => v.Key), request.Path);
        var gone = request.DryRun ? plan.Victims : resources.Space.Evict(plan);
        return new EvictionResult(
            [.. gone.Select(v => new EvictedObject(names.GetValueOrDefault(v.Key) ?? v.Key.ToString(), v.Bytes, Time(v.LastUse), v.Reason))],
            open,
            pinned,
            used - gone.Sum(v => v.Bytes));

        bool IsThere(ObjectKey key, Catalog.Entry entry) => place is null || place.Contains(key);
    }

    /// <summary>The first name of each object, those that are known.</summary>
    private Dictionary<ObjectKey, string> NamesOf(IEnumerable<ObjectKey> objects, string? path)
    {
        var names = new Dictionary<ObjectKey, string>();
        var asked = objects.ToHashSet();
        if (asked.Count == 0)
            return names;
        resources.Labels.Flush();
        foreach (var label in resources.Labels.Read(label => asked.Contains(label.Key) && IsAt(label.Path, path)))
            names.TryAdd(label.Key, label.Path);
        return names;
    }

    private static bool IsAt(string path, string? place) =>
        place is null || (path.StartsWith(place, StringComparison.Ordinal) && (path.Length == place.Length || path[place.Length] == '/'));

    private static DateTimeOffset Time(long milliseconds) => DateTimeOffset.FromUnixTimeMilliseconds(milliseconds);

    /// <summary>Hands on what work gives, which waits on its thread while nobody takes it.</summary>
    private async IAsyncEnumerable<T> ProduceAsync<T>(Action<Action<T>, CancellationToken> work, [EnumeratorCancellation] CancellationToken cancellation)
    {
        var given = Channel.CreateBounded<T>(MostWaiting);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation, resources.Closing);
        var working = RunAsync(() =>
        {
            work(item => given.Writer.WriteAsync(item, stop.Token).AsTask().GetAwaiter().GetResult(), stop.Token);
            return true;
        }, stop.Token);
        _ = working.ContinueWith(t => given.Writer.Complete(t.IsCanceled ? new TaskCanceledException(t) : t.Exception?.InnerException), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        try
        {
            await foreach (var item in given.Reader.ReadAllAsync(cancellation).ConfigureAwait(false))
                yield return item;
        }
        finally
        {
            // Whoever stops listening stops the thread, which else would wait for room for what comes next.
            await stop.CancelAsync().ConfigureAwait(false);
            await ((Task)working).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

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
