using System.Numerics;
using FASTER.core;
using Microsoft.Extensions.Logging;
using ModelFs.Cache.Disk;
using ModelFs.Cache.Objects;

namespace ModelFs.Cache.Index;

/// <summary>Which blocks are on disk and what they must hash to: the truth after a restart.</summary>
/// <remarks>
/// It speaks only of what is on disk already: the caller brings an object's data there before it puts the blocks. A FASTER session is not
/// thread safe, so all work runs on one thread, in the order of the calls.
/// </remarks>
internal sealed class BlockIndex : IAsyncDisposable
{
    /// <summary>16 MiB of log in memory: the records of 75 GB of blocks; older ones are read from disk.</summary>
    private const long MemoryBytes = 16L << 20;

    private const int RecordBytes = 56;

    private readonly string directory;
    private readonly ILogger log;
    private readonly WorkThreads thread = new("index", 1);
    private readonly IndexDevice device;
    private readonly FasterKVSettings<IndexKey, IndexValue> settings;
    private readonly FasterKV<IndexKey, IndexValue> store;
    private readonly ClientSession<IndexKey, IndexValue, IndexValue, IndexValue, Empty, SimpleFunctions<IndexKey, IndexValue>> session;
    private IndexManifest? manifest;
    private bool dirty;

    private BlockIndex(string directory, long maxBytes, IndexManifest? manifest, ILogger log)
    {
        this.directory = directory;
        this.manifest = manifest;
        this.log = log;
        device = new IndexDevice(IndexManifest.LogPath(directory));
        settings = new FasterKVSettings<IndexKey, IndexValue>
        {
            // A bucket of 64 bytes holds seven blocks: 16 bytes a block leave room. It is rebuilt from the log at start, so it may change.
            IndexSize = Math.Clamp((long)BitOperations.RoundUpToPowerOf2((ulong)(maxBytes / CacheOptions.BlockSize * 16)), 1L << 20, 64L << 20),
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

    /// <summary>Bytes on disk.</summary>
    public long Bytes => store.Log.TailAddress - store.Log.BeginAddress;

    /// <summary>Opens what <see cref="IndexDirectory"/> found fit to be opened.</summary>
    public static BlockIndex Open(string directory, long maxBytes, ILogger log)
    {
        Directory.CreateDirectory(directory);
        var manifest = IndexManifest.Read(directory);
        if (manifest is null)
        {
            Directory.Delete(directory, recursive: true);
            Directory.CreateDirectory(directory);
        }

        manifest?.Verify(directory);
        return new BlockIndex(directory, maxBytes, manifest, log);
    }

    /// <summary>Everything about one object; null when it is unknown.</summary>
    public Task<IndexedObject?> LoadAsync(ObjectKey key) => thread.RunAsync(() => Load(key));

    /// <summary>The object's own record only.</summary>
    public Task<ObjectRecord?> FindAsync(ObjectKey key) => thread.RunAsync(() => Find(new IndexKey(key, IndexKind.Object))?.ToObject());

    public Task PutAsync(ObjectKey key, ObjectRecord record, IReadOnlyList<(int Number, ulong Checksum)> blocks) => thread.RunAsync(() =>
    {
        foreach (var (number, checksum) in blocks)
        {
            var blockKey = new IndexKey(key, IndexKind.Block, number);
            var block = IndexValue.ForBlock(blockKey, record.Generation, checksum);
            session.Upsert(ref blockKey, ref block);
        }

        var objectKey = new IndexKey(key, IndexKind.Object);
        var value = IndexValue.ForObject(objectKey, record);
        session.Upsert(ref objectKey, ref value);
        dirty = true;
    });

    /// <summary>Forgets an object, and by its generation all its blocks.</summary>
    public Task RemoveAsync(ObjectKey key) => thread.RunAsync(() => Delete(new IndexKey(key, IndexKind.Object)));

    public Task RemoveBlockAsync(ObjectKey key, int number) => thread.RunAsync(() => Delete(new IndexKey(key, IndexKind.Block, number)));

    /// <summary>Makes all that was put before this call survive. False when the disk refuses: it stays to be done.</summary>
    /// <param name="generations">The objects that exist, by key, for compaction; null when that is not known yet.</param>
    public Task<bool> CheckpointAsync(Func<ObjectKey, uint?>? generations, long liveRecords) => thread.RunAsync(() =>
    {
        try
        {
            return Checkpoint(generations, liveRecords);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or FasterException)
        {
            Log.CheckpointFailed(log, e.Message);
            return false;
        }
    });

    public async ValueTask DisposeAsync()
    {
        await thread.RunAsync(() =>
        {
            session.Dispose();
            store.Dispose();
            settings.Dispose();
            device.Dispose();
        }).ConfigureAwait(false);
        thread.Dispose();
    }

    private bool Checkpoint(Func<ObjectKey, uint?>? generations, long liveRecords)
    {
        // A log without a record has no file either: nothing was forgotten that had ever been known.
        if (!dirty || Bytes == 0)
            return true;
        if (generations is not null && Bytes > 2 * liveRecords * RecordBytes + (8 << 20))
            Compact(generations);
        if (!store.TryInitiateHybridLogCheckpoint(out var token, CheckpointType.FoldOver))
            return false;
        store.CompleteCheckpointAsync().AsTask().GetAwaiter().GetResult();
        if (!device.Sync())
            return false;

        DurableFile.Sync(IndexManifest.TokenFile(directory, token));
        manifest = IndexManifest.Describe(directory, token, store.Log.BeginAddress, store.Log.TailAddress, manifest);
        manifest.Write(directory);
        dirty = false;

        // Only now nobody needs what the former checkpoint needed.
        device.DeleteRemoved();
        foreach (string former in Directory.EnumerateDirectories(IndexManifest.TokensDirectory(directory)))
        {
            if (Path.GetFileName(former) != token.ToString())
                Directory.Delete(former, recursive: true);
        }

        return true;
    }

    /// <summary>Moves what lives in the older half of the log to its end. The checkpoint that follows gives the space back.</summary>
    private void Compact(Func<ObjectKey, uint?> generations)
    {
        long until = Math.Min(store.Log.BeginAddress + Bytes / 2, store.Log.SafeReadOnlyAddress);
        if (until > store.Log.BeginAddress)
            session.Compact(until, CompactionType.Lookup, new DeadBlocks(generations));
    }

    private IndexedObject? Load(ObjectKey key)
    {
        if (Find(new IndexKey(key, IndexKind.Object)) is not { } value)
            return null;
        var record = value.ToObject();
        int count = BlockMap.BlocksOf(record.Size);
        var present = new bool[count];
        ulong[] checksums = new ulong[count];
        int pending = 0;
        for (int i = 0; i < count; i++)
        {
            var blockKey = new IndexKey(key, IndexKind.Block, i);
            var input = default(IndexValue);
            var output = default(IndexValue);
            var status = session.Read(ref blockKey, ref input, ref output);
            if (status.Found)
                Accept(blockKey, output);
            else if (status.IsPending && ++pending == 256)
                Collect();
        }

        Collect();
        return new IndexedObject(record, present, checksums);

        void Accept(in IndexKey blockKey, in IndexValue block)
        {
            if (!block.IsIntact(blockKey) || block.Generation != record.Generation)
                return;
            present[blockKey.Number] = true;
            checksums[blockKey.Number] = block.Payload;
        }

        void Collect()
        {
            pending = 0;
            session.CompletePendingWithOutputs(out var outputs, wait: true);
            using (outputs)
            {
                while (outputs.Next())
                {
                    if (outputs.Current.Status.Found)
                        Accept(outputs.Current.Key, outputs.Current.Output);
                }
            }
        }
    }

    private IndexValue? Find(IndexKey key)
    {
        var input = default(IndexValue);
        var output = default(IndexValue);
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

        return status.Found && output.IsIntact(key) && (long)output.Payload >= 0 ? output : null;
    }

    private void Delete(IndexKey key)
    {
        session.Delete(ref key);
        dirty = true;
    }

    /// <summary>Blocks of objects that are gone, or of an earlier life of an object.</summary>
    private readonly struct DeadBlocks(Func<ObjectKey, uint?> generations) : ICompactionFunctions<IndexKey, IndexValue>
    {
        public bool IsDeleted(ref IndexKey key, ref IndexValue value) => !value.IsIntact(key) || generations(key.Object) != value.Generation;
    }
}
