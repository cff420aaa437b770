namespace ModelFs.Cache.Objects;

/// <summary>After a kill: verifies what is complete and nobody has opened yet, one object at a time and behind everything else, so that its first open passes through.</summary>
/// <remarks>
/// What was used last goes first: it is opened next. Who opens an object before its turn has it verified at once, as fast as the disk
/// reads, and it is skipped here. Where the kernel reads nothing by itself there is nothing to gain, and nothing is done.
/// </remarks>
internal sealed class SlowScrub(BlockCache cache)
{
    /// <summary>
    /// What a byte costs while others read or fetch, in bytes: 1 MiB a second is left, which no reader notices, and a node that never
    /// rests is done some day all the same. What the kernel reads by itself nobody sees: for that the rate alone is low enough.
    /// </summary>
    private const int PriceBesideOthers = 32;

    private readonly CacheResources resources = cache.Resources;
    private readonly CancellationTokenSource stop = CancellationTokenSource.CreateLinkedTokenSource(cache.Resources.Closing);
    private readonly Pace pace = new(cache.Resources.Options.ScrubBytesPerSecond, cache.Resources.Time);
    private Task running = Task.CompletedTask;
    private volatile bool isDone;
    private long leftObjects;
    private long leftBytes;
    private long served;

    /// <summary>Objects that it has not looked at yet.</summary>
    public long LeftObjects => Volatile.Read(ref leftObjects);

    /// <summary>Bytes of them on disk.</summary>
    public long LeftBytes => Volatile.Read(ref leftBytes);

    /// <summary>The next start has to go on with it.</summary>
    public bool IsLeft => resources.Epoch.IsUnverified && !isDone;

    /// <summary>Begins on a thread of its own, if there is something to do. Called once, when the catalog is whole.</summary>
    public void Begin()
    {
        if (!IsLeft || resources.PassthroughObstacle is not null || stop.IsCancellationRequested)
            return;
        var objects = Found();
        isDone = objects.Count == 0;
        if (isDone)
            return;
        (leftObjects, leftBytes) = (objects.Count, objects.Sum(o => o.Bytes));
        Log.VerifyingAll(resources.Log, objects.Count, leftBytes);
        running = Task.Factory.StartNew(() => Run(objects), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
    }

    /// <summary>Has it end before its next block.</summary>
    public void Cancel() => stop.Cancel();

    /// <returns>Whether it has ended.</returns>
    public bool Stop(TimeSpan limit)
    {
        Cancel();
        return running.Wait(limit);
    }

    /// <summary>Waits for its end, however long that takes.</summary>
    public void Close()
    {
        Cancel();
        running.Wait();
        stop.Dispose();
    }

    /// <summary>What the next blocks cost, in bytes. The last of a file is as dear as any other, and so is a file that need not be read: so a million small ones are no burden either.</summary>
    public long PriceOf(int blocks)
    {
        long now = resources.Metrics.ServedBytes;
        long factor = resources.Fetches > 0 || now != served ? PriceBesideOthers : 1;
        served = now;
        return factor * blocks * CacheOptions.BlockSize;
    }

    private List<(ObjectKey Key, long Bytes, long LastUse)> Found()
    {
        // Picked out of the catalog while it is looked through: a million of its entries are not copied for that.
        var found = new List<(ObjectKey Key, long Bytes, long LastUse)>(resources.Catalog.SealedCount);
        resources.Catalog.Visit((key, entry) =>
        {
            if (entry.Sealed)
                found.Add((key, entry.Bytes, entry.LastUse));
        });
        found.Sort(static (a, b) => b.LastUse.CompareTo(a.LastUse));
        return found;
    }

    private void Run(List<(ObjectKey Key, long Bytes, long LastUse)> objects)
    {
        var scrub = new ObjectScrub(cache, Pay, stop.Token);
        int damaged = 0;
        foreach (var (key, bytes, _) in objects)
        {
            try
            {
                if (Verify(scrub, key) is { } fault)
                {
                    damaged++;
                    Log.FoundDamaged(resources.Log, NameOf(key), fault);
                }
            }
            catch (Exception) when (stop.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                Log.Unexpected(resources.Log, e, "verifying");
            }

            Interlocked.Decrement(ref leftObjects);
            Interlocked.Add(ref leftBytes, -bytes);
        }

        isDone = true;
        Log.VerifiedAll(resources.Log, objects.Count, damaged);
    }

    private string? Verify(ObjectScrub scrub, ObjectKey key)
    {
        if (!resources.Catalog.IsSealed(key))
            return null;
        if (!cache.CanPassThroughAsync(key).AsTask().GetAwaiter().GetResult())
            return scrub.Verify(key, withDigest: false).Fault;
        Pay(1);
        return null;
    }

    /// <summary>Waits until so many blocks may be read.</summary>
    private void Pay(int blocks) => pace.SpendAsync(PriceOf(blocks), stop.Token).AsTask().GetAwaiter().GetResult();

    private string NameOf(ObjectKey key) => resources.Labels.Read(label => label.Key == key).Select(label => label.Path).FirstOrDefault(key.ToString());
}
