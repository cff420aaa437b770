using System.Numerics;
using FASTER.core;
using ModelFs.Cache.Disk;
using ModelFs.Cache.Objects;

namespace ModelFs.Cache.Index;

/// <summary>The FASTER store of the index. Its session is not thread safe: one thread at a time, but for <see cref="Persist"/>.</summary>
internal sealed class IndexStore : IDisposable
{
    /// <summary>Of the log in memory: the records of 170 GB of blocks; older ones are read from disk.</summary>
    private const int MemoryBytes = 8 << 20;

    private const int RecordBytes = 192;

    /// <summary>What is compacted at once: whoever opens an object waits for that long.</summary>
    private const int SliceBytes = 4 * IndexManifest.PageSize;

    /// <summary>A log that is compacted holds at most this, beside as much again as lives in it.</summary>
    private const int Tolerated = 8 << 20;

    /// <summary>Look-ups that wait for the disk together.</summary>
    private const int MostPending = 256;

    private readonly string directory;
    private readonly IndexDevice device;
    private readonly FasterKVSettings<IndexKey, IndexValue> settings;
    private readonly FasterKV<IndexKey, IndexValue> store;
    private readonly ClientSession<IndexKey, IndexValue, IndexValue, IndexValue, Empty, SimpleFunctions<IndexKey, IndexValue>> session;
    private IndexManifest? manifest;
    private volatile bool dirty;
    private long? compactUntil;
    private long? lived;

    private IndexStore(string directory, long maxBytes, IndexManifest? manifest)
    {
        this.directory = directory;
        this.manifest = manifest;
        device = new IndexDevice(IndexManifest.LogPath(directory));
        device.Keep(manifest?.Tail ?? 0);
        settings = new FasterKVSettings<IndexKey, IndexValue>
        {
            IndexSize = HashTableBytes(maxBytes, manifest is null ? 0 : manifest.Tail - manifest.Begin),
            ConcurrencyControlMode = ConcurrencyControlMode.None,
            LogDevice = device,
            PageSize = IndexManifest.PageSize,
            SegmentSize = IndexManifest.SegmentSize,
            MemorySize = MemoryBytes,
            EqualityComparer = default(IndexKey),
            CheckpointDir = directory,
            RemoveOutdatedCheckpoints = false,
        };
        store = new FasterKV<IndexKey, IndexValue>(settings);
        if (manifest is not null)
            store.Recover(default, manifest.Token);
        session = store.For(new SimpleFunctions<IndexKey, IndexValue>()).NewSession<SimpleFunctions<IndexKey, IndexValue>>();
    }

    /// <summary>Bytes of the log.</summary>
    public long Bytes => store.Log.TailAddress - store.Log.BeginAddress;

    /// <summary>Opens what <see cref="IndexDirectory"/> found fit to be opened.</summary>
    public static IndexStore Open(string directory, long maxBytes)
    {
        Directory.CreateDirectory(directory);
        var manifest = IndexManifest.Read(directory);
        if (manifest is null)
        {
            Directory.Delete(directory, recursive: true);
            Directory.CreateDirectory(directory);
        }

        manifest?.Verify(directory);
        return new IndexStore(directory, maxBytes, manifest);
    }

    public IndexedObject? Load(ObjectKey key)
    {
        if (Find(new IndexKey(key)) is not { } first)
            return null;
        var record = first.ToObject();
        int count = BlockMap.BlocksOf(record.Size);
        var loaded = new IndexedObject(record, new bool[count], new ulong[count]);
        Accept(new IndexKey(key), first);
        int pending = 0;
        for (int group = 1; group * IndexValue.Blocks < count; group++)
        {
            var groupKey = new IndexKey(key, group);
            var (input, output) = (default(IndexValue), default(IndexValue));
            var status = session.Read(ref groupKey, ref input, ref output);
            if (status.Found)
                Accept(groupKey, output);
            else if (status.IsPending && ++pending % MostPending == 0)
                Collect(Accept);
        }

        Collect(Accept);
        return loaded;

        void Accept(in IndexKey groupKey, in IndexValue value)
        {
            if (!value.IsIntact(groupKey) || value.Generation != record.Generation)
                return;
            int start = (int)groupKey.Group * IndexValue.Blocks;
            for (int block = 0; block < IndexValue.Blocks && start + block < count; block++)
                (loaded.Present[start + block], loaded.Checksums[start + block]) = (value.Has(block), value.Checksums[block]);
        }
    }

    /// <summary>The object's own record only.</summary>
    public ObjectRecord? Find(ObjectKey key) => Find(new IndexKey(key))?.ToObject();

    /// <summary>The own records of many objects, those that are known: what waits for the disk waits together.</summary>
    public Dictionary<ObjectKey, ObjectRecord> Find(IReadOnlyCollection<ObjectKey> keys)
    {
        var found = new Dictionary<ObjectKey, ObjectRecord>(keys.Count);
        int pending = 0;
        foreach (var key in keys)
        {
            var first = new IndexKey(key);
            var (input, output) = (default(IndexValue), default(IndexValue));
            var status = session.Read(ref first, ref input, ref output);
            if (status.Found)
                Accept(first, output);
            else if (status.IsPending && ++pending % MostPending == 0)
                Collect(Accept);
        }

        Collect(Accept);
        return found;

        void Accept(in IndexKey first, in IndexValue value)
        {
            if (value.IsIntact(first))
                found[first.Object] = value.ToObject();
        }
    }

    /// <summary>Adds blocks to those that are known of this generation.</summary>
    public void Put(ObjectKey key, in ObjectRecord record, IReadOnlyList<(int Number, ulong Checksum)> blocks)
    {
        var sorted = blocks.OrderBy(block => block.Number).ToArray();
        int own = Array.FindIndex(sorted, block => block.Number >= IndexValue.Blocks);
        own = own < 0 ? sorted.Length : own;
        for (int from = own, to; from < sorted.Length; from = to)
        {
            int group = sorted[from].Number / IndexValue.Blocks;
            for (to = from + 1; to < sorted.Length && sorted[to].Number / IndexValue.Blocks == group; to++);
            Write(new IndexKey(key, group), Merge(new IndexKey(key, group), record.Generation, sorted.AsSpan(from, to - from)));
        }

        var first = Merge(new IndexKey(key), record.Generation, sorted.AsSpan(0, own));
        first.Describe(record);
        Write(new IndexKey(key), first);
    }

    /// <summary>Forgets an object, and by its generation all its blocks.</summary>
    public void Remove(ObjectKey key)
    {
        var first = new IndexKey(key);
        session.Delete(ref first);
        dirty = true;
    }

    public void RemoveBlock(ObjectKey key, int number)
    {
        var groupKey = new IndexKey(key, number / IndexValue.Blocks);
        if (Find(groupKey) is not { } group || !group.Has(number % IndexValue.Blocks))
            return;
        group.Clear(number % IndexValue.Blocks);
        Write(groupKey, group);
    }

    /// <summary>Moves what lives in the oldest pages of the log to its end, if too much of the log may be dead. The checkpoint that follows gives the space back.</summary>
    /// <param name="generations">The objects that exist, by key.</param>
    /// <param name="liveRecords">How many there may be. Only a measure to begin with: what was left when the log had been compacted through says it better.</param>
    /// <returns>Whether there is more to be done.</returns>
    public bool CompactSlice(Func<ObjectKey, uint?> generations, long liveRecords)
    {
        if (compactUntil is null && Bytes > 2 * (lived ?? liveRecords * RecordBytes) + Tolerated)
            compactUntil = store.Log.TailAddress / IndexManifest.PageSize * IndexManifest.PageSize;
        if (compactUntil is not { } end)
            return false;
        long slice = (store.Log.BeginAddress / IndexManifest.PageSize * IndexManifest.PageSize) + SliceBytes;
        long until = Math.Min(Math.Min(slice, end), store.Log.SafeReadOnlyAddress / IndexManifest.PageSize * IndexManifest.PageSize);
        if (until > store.Log.BeginAddress)
        {
            session.Compact(until, CompactionType.Lookup, new DeadGroups(generations));
            dirty = true;
        }

        if (store.Log.BeginAddress >= end)
            (compactUntil, lived) = (null, Bytes);
        return compactUntil is not null && until == slice;
    }

    /// <summary>Writes to the log's files all that was put so far.</summary>
    /// <returns>What <see cref="Persist"/> is to make last; null when there is nothing new.</returns>
    /// <exception cref="FasterException">It cannot be done now.</exception>
    public IndexCheckpoint? Fold()
    {
        // A log without a record has no file either: nothing was forgotten that had ever been known.
        if (!dirty || Bytes == 0)
            return null;
        if (!store.TryInitiateHybridLogCheckpoint(out var token, CheckpointType.FoldOver))
            throw new FasterException("a checkpoint is under way");
        store.CompleteCheckpointAsync().AsTask().GetAwaiter().GetResult();
        dirty = false;
        device.Keep(store.Log.TailAddress);
        return new IndexCheckpoint(token, store.Log.BeginAddress, store.Log.TailAddress);
    }

    /// <summary>Brings a checkpoint to the disk, on any thread, one at a time: readers look up and put meanwhile. False when the disk refuses: it stays to be done.</summary>
    /// <exception cref="IOException">So does this.</exception>
    public bool Persist(IndexCheckpoint checkpoint)
    {
        bool isDone = false;
        try
        {
            if (!device.Sync())
                return false;
            DurableFile.Sync(IndexManifest.TokenFile(directory, checkpoint.Token));
            var next = IndexManifest.Describe(directory, checkpoint, manifest);
            next.Write(directory);
            manifest = next;
            isDone = true;
        }
        finally
        {
            // Until then the former one counts.
            if (!isDone)
                dirty = true;
        }

        // Only now nobody needs what the former checkpoint needed.
        device.DeleteRemoved();
        foreach (string former in Directory.EnumerateDirectories(IndexManifest.TokensDirectory(directory)))
        {
            if (Path.GetFileName(former) != checkpoint.Token.ToString())
                Directory.Delete(former, recursive: true);
        }

        return true;
    }

    public void Dispose()
    {
        session.Dispose();
        store.Dispose();
        settings.Dispose();
        device.Dispose();
    }

    /// <summary>
    /// Four to eight bytes a record: a bucket of 64 bytes holds seven, and others are chained to it when it is full, so that a table that is half
    /// used takes half. It is rebuilt from the log at start, so it may change.
    /// </summary>
    /// <param name="logBytes">Of a log that is there: many small files are more records than the limit of the cache tells.</param>
    private static long HashTableBytes(long maxBytes, long logBytes)
    {
        long records = Math.Max(maxBytes / (CacheOptions.BlockSize * IndexValue.Blocks), logBytes / RecordBytes);
        return Math.Clamp(1L << BitOperations.Log2((ulong)records * 8 | 1), 1L << 20, 64L << 20);
    }

    private IndexValue Merge(in IndexKey key, uint generation, ReadOnlySpan<(int Number, ulong Checksum)> blocks)
    {
        // A group that comes whole needs no look at what was there.
        bool isWhole = blocks.Length == IndexValue.Blocks;
        var value = !isWhole && Find(key) is { } known && known.Generation == generation ? known : new IndexValue { Generation = generation };
        foreach (var (number, checksum) in blocks)
            value.Set(number % IndexValue.Blocks, checksum);
        return value;
    }

    private void Write(IndexKey key, IndexValue value)
    {
        value.Stamp(key);
        session.Upsert(ref key, ref value);
        dirty = true;
    }

    private IndexValue? Find(IndexKey key)
    {
        var (input, output) = (default(IndexValue), default(IndexValue));
        var status = session.Read(ref key, ref input, ref output);
        if (status.IsPending)
        {
            session.CompletePendingWithOutputs(out var outputs, wait: true);
            using (outputs)
            {
                status = default;
                if (outputs.Next())
                    (status, output) = (outputs.Current.Status, outputs.Current.Output);
            }
        }

        return status.Found && output.IsIntact(key) ? output : null;
    }

    private void Collect(Found accept)
    {
        session.CompletePendingWithOutputs(out var outputs, wait: true);
        using (outputs)
        {
            while (outputs.Next())
            {
                if (outputs.Current.Status.Found)
                    accept(outputs.Current.Key, outputs.Current.Output);
            }
        }
    }

    private delegate void Found(in IndexKey key, in IndexValue value);

    /// <summary>Groups of objects that are gone, or of an earlier life of an object.</summary>
    private readonly struct DeadGroups(Func<ObjectKey, uint?> generations) : ICompactionFunctions<IndexKey, IndexValue>
    {
        public bool IsDeleted(ref IndexKey key, ref IndexValue value) => !value.IsIntact(key) || generations(key.Object) != value.Generation;
    }
}

/// <summary>A state of the log that FASTER can begin from.</summary>
internal readonly record struct IndexCheckpoint(Guid Token, long Begin, long Tail);
