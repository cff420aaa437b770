using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;
using ModelFs.Cache.Disk;
using ModelFs.Cache.Index;
using ModelFs.Cache.Objects;
using ModelFs.Cache.Space;

namespace ModelFs.Cache;

/// <summary>Objects in blocks of 256 KiB on a local disk, with the index that knows which are there.</summary>
public sealed class BlockCache : IAsyncDisposable
{
    /// <summary>For all that a stop waits for on the disk. One that takes longer loses no more than a kill would.</summary>
    private static readonly TimeSpan StopLimit = TimeSpan.FromSeconds(8);

    /// <summary>The same where the disk hangs already.</summary>
    private static readonly TimeSpan HungStopLimit = TimeSpan.FromSeconds(1);

    private readonly Lock gate = new();
    private readonly Dictionary<ObjectKey, CachedObject> objects = [];
    private readonly Dictionary<ObjectKey, TaskCompletionSource> reserved = [];
    private readonly CacheResources resources;
    private readonly DirectoryLock directoryLock;
    private readonly SlowScrub slowScrub;
    private readonly Upkeep upkeep;
    private readonly StallWatch stallWatch;
    private Task givenBack = Task.CompletedTask;
    private bool isClosed;

    private BlockCache(CacheResources resources, DirectoryLock directoryLock, string indexDirectory)
    {
        this.resources = resources;
        this.directoryLock = directoryLock;
        IndexBlocksDirectory = IndexDirectory.BlocksOf(indexDirectory);
        MetadataDirectory = Path.Combine(indexDirectory, "meta");
        resources.Space.Claim = key => TryReserve(key, o => o.IsIdle);
        resources.Space.Released = EndEviction;
        resources.Space.Open = OpenKeys;
        Metadata = new MetadataStore(MetadataDirectory, resources.Space.AddMetadataBytes, resources.Log);
        Ordinals = OrdinalTable.Open(Path.Combine(indexDirectory, "ordinals"), resources.Log);
        resources.Space.Refresh();
        slowScrub = new SlowScrub(this);
        upkeep = new Upkeep(this, resources, directoryLock, slowScrub);
        stallWatch = new StallWatch(resources, () => Metadata.IsStalled || Ordinals.IsStalled);
        Inventory = new Inventory(this);
        resources.Metrics.Observe(() => Status, () => resources.Fetches);
    }

    /// <summary>Called when nothing more may go: whoever keeps handles for a next use closes them. On a writer's thread, so it must not wait.</summary>
    public Action? RoomNeeded
    {
        set => resources.Space.RoomNeeded = value;
    }

    /// <summary>Manifests, listings and aliases that outlive the process.</summary>
    public MetadataStore Metadata { get; }

    /// <summary>Numbers that stand for names, the same after a restart.</summary>
    public OrdinalTable Ordinals { get; }

    public CacheStatus Status
    {
        get
        {
            int open = OpenKeys().Count;
            return new CacheStatus(
                resources.Options.Directory,
                resources.Space.UsedBytes,
                resources.Options.MaxBytes,
                resources.Catalog.Count,
                resources.Catalog.SealedCount,
                open,
                resources.Metrics.OriginBytes,
                resources.Metrics.ServedBytes,
                resources.Metrics.Evictions,
                resources.Health.Fault)
            {
                UnverifiedObjects = slowScrub.LeftObjects,
                UnverifiedBytes = slowScrub.LeftBytes,
            };
        }
    }

    /// <summary>What lies in the cache, under the names that people know.</summary>
    public Inventory Inventory { get; }

    /// <summary>Why the kernel may not read sealed objects in our place, or null.</summary>
    public string? PassthroughObstacle => resources.PassthroughObstacle;

    /// <summary>The filesystems, as mountinfo calls them, from which the kernel may read sealed objects in our place.</summary>
    public static IReadOnlyCollection<string> PassthroughFilesystems => Filesystem.Readable;

    /// <summary>A file beside the objects, on the same filesystem: whether the kernel takes such ones can be tried with it.</summary>
    /// <exception cref="IOException">The disk fails.</exception>
    public SafeFileHandle OpenSample() => DirectoryLock.OpenOwner(resources.Options.Directory);

    /// <summary>Ends when the accounts of a directory that was found are whole.</summary>
    internal Task Surveyed => upkeep.Surveyed;

    /// <summary>Once closed: ends when nothing more is written to the directory, and others may open it.</summary>
    internal Task GivenBack => givenBack;

    internal string IndexBlocksDirectory { get; }

    internal string MetadataDirectory { get; }

    internal CacheResources Resources => resources;

    /// <exception cref="CacheInUseException">Another process holds the directory; it says which.</exception>
    /// <exception cref="ArgumentException">An option is out of its range; the message names it.</exception>
    public static Task<BlockCache> OpenAsync(CacheOptions options, ILoggerFactory logs, TimeProvider time, CancellationToken cancellation = default) =>
        OpenAsync(options, logs, time, ObjectFile.Open, cancellation);

    /// <summary>Opens an object. Returns at once: what is on disk is looked up in the background, and the handle's reads wait for it.</summary>
    public ObjectHandle Open(ObjectDescriptor descriptor, IObjectSource source)
    {
        if (descriptor.Size is < 0 or > CachedObject.MaxSize)
            throw new ArgumentOutOfRangeException(nameof(descriptor), $"{descriptor.Name}: a size of {descriptor.Size} bytes");
        CachedObject? target;
        lock (gate)
        {
            ObjectDisposedException.ThrowIf(isClosed, this);
            if (!objects.TryGetValue(descriptor.Key, out target))
            {
                objects.Add(descriptor.Key, target = new CachedObject(descriptor, source, resources));
                var eviction = reserved.TryGetValue(descriptor.Key, out var ending) ? ending.Task : Task.CompletedTask;
                target.Prepare(ObjectLoader.LoadAsync(target, eviction));
            }
            else if (target.Handles == 0)
            {
                target.PrepareAgain();
            }

            target.Source = source;
            target.Handles++;
        }

        target.Touch();
        resources.Catalog.Touch(descriptor.Key, target.LastUse, target.Account);
        resources.Labels.Note(descriptor.Key, descriptor.Owner, descriptor.Name);
        return new ObjectHandle(this, target);
    }

    /// <summary>What is held of an object, without opening it.</summary>
    public async ValueTask<ObjectState> GetStateAsync(ObjectKey key)
    {
        CachedObject? target;
        lock (gate)
            objects.TryGetValue(key, out target);
        if (target is not null)
        {
            await target.Ready.ConfigureAwait(false);
            return target.State;
        }

        if (resources.Quarantine.ContainsKey(key))
            return new ObjectState(null, 0, false, false, true);
        var indexing = resources.Index.LoadAsync(key);
        await ((Task)indexing).WaitAsync(resources.Index.Patience).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        var indexed = indexing.IsCompleted ? await indexing.ConfigureAwait(false) : null;
        return await resources.Readers.RunOrGiveUpAsync(() => ObjectLoader.Describe(resources, key, indexed)).ConfigureAwait(false);
    }

    /// <summary>Whether an object lies here complete. From memory, at once.</summary>
    public bool IsSealed(ObjectKey key) => resources.Catalog.IsSealed(key);

    /// <summary>Whether the kernel may read an object in our place when it is opened next.</summary>
    public async ValueTask<bool> CanPassThroughAsync(ObjectKey key)
    {
        CachedObject? target;
        lock (gate)
            objects.TryGetValue(key, out target);
        if (target is not null)
        {
            await target.Ready.ConfigureAwait(false);
            return target.CanPassThrough;
        }

        if (PassthroughObstacle is not null || resources.Quarantine.ContainsKey(key))
            return false;
        string path = resources.Paths.Of(key);
        return await resources.Readers.RunOrGiveUpAsync(() => Linux.Stamp(path) is { } file && Sidecar.Read(path, key)?.Vouches(file, resources.Epoch.Value) == true)
            .ConfigureAwait(false);
    }

    /// <summary>Stops fetches, brings what was written to the disk and into the index, and gives the directory back. Each wait is bounded:
    /// where a disk hangs, the directory stays ours until it answers or the process ends.</summary>
    public async ValueTask DisposeAsync()
    {
        lock (gate)
        {
            if (isClosed)
                return;
            isClosed = true;
        }

        resources.BeginClosing();
        await Task.Factory.StartNew(Stop, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default).ConfigureAwait(false);
    }

    internal static Task<BlockCache> OpenAsync(CacheOptions options, ILoggerFactory logs, TimeProvider time, OpenObjectFile openFile, CancellationToken cancellation)
    {
        options.Validate();
        return Task.Factory.StartNew(() => Open(options, logs, time, openFile), cancellation, TaskCreationOptions.LongRunning, TaskScheduler.Default);
    }

    internal void Close(CachedObject target)
    {
        resources.Catalog.Touch(target.Key, target.LastUse, target.Account);
        lock (gate)
        {
            if (--target.Handles > 0)
                return;
        }

        resources.Health.MayHaveRoom();
        target.Account.Health.MayHaveRoom();
    }

    /// <summary>An object as it is loaded, held open until <see cref="Close"/>; null when it is not loaded.</summary>
    internal CachedObject? TryHold(ObjectKey key)
    {
        lock (gate)
        {
            if (!objects.TryGetValue(key, out var target))
                return null;
            if (target.Handles++ == 0)
                target.PrepareAgain();
            return target;
        }
    }

    /// <summary>It is on disk, or may come there: it is loaded.</summary>
    internal bool IsHeld(ObjectKey key)
    {
        lock (gate)
        {
            if (objects.ContainsKey(key))
                return true;
        }

        return resources.Catalog.Contains(key);
    }

    internal HashSet<ObjectKey> OpenKeys()
    {
        lock (gate)
            return [.. objects.Values.Where(o => o.Handles > 0).Select(o => o.Key)];
    }

    internal List<CachedObject> Loaded()
    {
        lock (gate)
            return [.. objects.Values];
    }

    /// <summary>Keeps an object from being opened until <see cref="EndReservation"/>, and unloads it. False while it is open, or loaded and not to be unloaded.</summary>
    internal bool TryReserve(ObjectKey key, Func<CachedObject, bool> mayUnload)
    {
        CachedObject? target;
        lock (gate)
        {
            if (reserved.ContainsKey(key))
                return false;
            if (objects.TryGetValue(key, out target) && (target.Handles > 0 || !mayUnload(target)))
                return false;
            objects.Remove(key);
            reserved.Add(key, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        }

        target?.Unload();
        return true;
    }

    internal void EndReservation(ObjectKey key)
    {
        TaskCompletionSource? ending;
        lock (gate)
            reserved.Remove(key, out ending);
        ending?.SetResult();
    }

    private static BlockCache Open(CacheOptions options, ILoggerFactory logs, TimeProvider time, OpenObjectFile openFile)
    {
        var log = logs.CreateLogger("ModelFs.Cache");
        string indexDirectory = options.IndexDirectory ?? Path.Combine(options.Directory, "index");
        PrivateDirectory.Create(options.Directory);
        PrivateDirectory.Create(indexDirectory);
        var directoryLock = DirectoryLock.Acquire(options.Directory, indexDirectory, time);
        BlockIndex? index = null;
        try
        {
            index = BlockIndex.Open(indexDirectory, options.MaxBytes, log);
            var paths = new ObjectPaths(options.Directory);
            var (catalog, accounts) = (new Catalog(), new Accounts(options.Limits, log, time));
            var metrics = new Metrics(accounts);
            var pins = new Pins(Path.Combine(indexDirectory, "pins"), log);
            var resources = new CacheResources
            {
                Options = options,
                Paths = paths,
                OpenFile = openFile,
                Epoch = Epoch.Begin(options.Directory),
                PassthroughObstacle = Filesystem.Obstacle(options.Directory),
                Index = index,
                Health = new StoreHealth(log, time),
                Space = new DiskSpace(options, catalog, accounts, pins, paths, metrics, time, log),
                Catalog = catalog,
                Accounts = accounts,
                Labels = new Labels(Path.Combine(indexDirectory, "labels"), log),
                Pins = pins,
                Totals = new Totals(Path.Combine(indexDirectory, "totals"), accounts, time.GetUtcNow()),
                Metrics = metrics,
                Time = time,
                Log = log,
            };
            return new BlockCache(resources, directoryLock, indexDirectory);
        }
        catch
        {
            // While a slow disk still takes what the index writes, nobody else may open it: two processes would corrupt it.
            var indexClosed = index?.DisposeAsync().AsTask() ?? Task.CompletedTask;
            indexClosed.ContinueWith(_ => directoryLock.Dispose(), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
            throw;
        }
    }

    private void EndEviction(ObjectKey key)
    {
        _ = resources.Index.RemoveAsync(key);
        EndReservation(key);
    }

    private void Stop()
    {
        long end = Environment.TickCount64 + (long)(stallWatch.IsHung ? HungStopLimit : StopLimit).TotalMilliseconds;
        var (isQuiet, indexClosed) = (false, Task.CompletedTask);
        try
        {
            stallWatch.Dispose();
            // Closed first: what the last writers and the last round complete is sealed after the next start.
            resources.Sealers.Dispose();
            resources.Sealers.Drain();
            isQuiet = resources.Writers.Close(Left()) & upkeep.Stop(Left()) & slowScrub.Stop(Left()) & resources.Sealers.Close(Left());
            indexClosed = resources.Index.DisposeAsync().AsTask();
            isQuiet &= indexClosed.Wait(Left());
        }
        finally
        {
            givenBack = Task.Factory.StartNew(() => GiveBack(indexClosed), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        }

        // Hardly ever more than a moment.
        if (!givenBack.Wait(isQuiet ? StopLimit : Left()))
            Log.StoppedUnwritten(resources.Log, resources.Options.Directory, Loaded().Count(o => o.NeedsIndexing));

        TimeSpan Left() => TimeSpan.FromMilliseconds(Math.Max(0, end - Environment.TickCount64));
    }

    /// <summary>Gives the directory back when the last of us who may write there has ended, however long its disk takes: two who do would damage each other's files.</summary>
    private void GiveBack(Task indexClosed)
    {
        try
        {
            upkeep.Dispose();
            slowScrub.Close();
            Inventory.Close();
            resources.Dispose();
            Metadata.Dispose();
            Ordinals.Dispose();
            foreach (var item in Loaded())
                item.Close();
            indexClosed.Wait();
            resources.Epoch.End(slowScrub.IsLeft);
        }
        finally
        {
            directoryLock.Dispose();
        }
    }
}

public sealed class CacheInUseException(string message) : IOException(message);
