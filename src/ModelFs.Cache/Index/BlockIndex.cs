using FASTER.core;
using Microsoft.Extensions.Logging;
using ModelFs.Cache.Disk;

namespace ModelFs.Cache.Index;

/// <summary>Which blocks are on disk and what they must hash to: the truth after a restart.</summary>
/// <remarks>
/// It speaks only of what is on disk already: the caller brings an object's data there before it puts the blocks. All work runs on one thread,
/// in the order of the calls, and the first of it opens the files: names are served meanwhile, and whoever asks for an object waits.
/// One that cannot be opened knows nothing and keeps nothing.
/// </remarks>
internal sealed class BlockIndex : IAsyncDisposable
{
    /// <summary>16 MiB of log compacted for each checkpoint, where hardly 2 come.</summary>
    private const int SlicesOfACheckpoint = 16;

    private readonly ILogger log;
    private readonly WorkThreads thread = new("index", 1);
    private readonly Lock persisting = new();
    private readonly StartCount starts;
    private Task opening = Task.CompletedTask;
    private IndexStore? store;
    private bool isClosed;

    private BlockIndex(StartCount starts, ILogger log) => (this.starts, this.log) = (starts, log);

    /// <summary>Null when it could not be opened.</summary>
    /// <exception cref="ObjectDisposedException">It is closed, and that says nothing of any object.</exception>
    private IndexStore? Store
    {
        get
        {
            ObjectDisposedException.ThrowIf(isClosed, this);
            return store;
        }
    }

    /// <summary>Bytes of the log; 0 until it is open.</summary>
    public long Bytes => Volatile.Read(ref store)?.Bytes ?? 0;

    /// <summary>Ends when it answers. Never fails.</summary>
    public Task Opened => opening;

    /// <summary>How long an answer is worth waiting for: not at all while the disk hangs.</summary>
    public TimeSpan Patience => opening.IsCompleted ? thread.PatienceNow : WorkThreads.Patience;

    /// <summary>Returns at once.</summary>
    public static BlockIndex Open(string indexDirectory, long maxBytes, ILogger log)
    {
        var starts = StartCount.Begin(indexDirectory);
        var index = new BlockIndex(starts, log);
        index.opening = index.thread.RunAsync(() =>
        {
            try
            {
                index.store = IndexDirectory.Open(indexDirectory, starts, maxBytes, log);
            }
            catch (Exception e)
            {
                Log.IndexUnusable(log, e.Message);
            }
        });
        return index;
    }

    /// <summary>Everything about one object; null when it is unknown.</summary>
    public Task<IndexedObject?> LoadAsync(ObjectKey key) => thread.RunAsync(() => Store?.Load(key));

    /// <summary>The object's own record only.</summary>
    public Task<ObjectRecord?> FindAsync(ObjectKey key) => thread.RunAsync(() => Store?.Find(key));

    /// <summary>The own records of many objects, those that are known.</summary>
    public Task<Dictionary<ObjectKey, ObjectRecord>> FindAsync(IReadOnlyCollection<ObjectKey> keys) => thread.RunAsync(() => Store?.Find(keys) ?? []);

    /// <summary>Adds blocks to those that are known of this generation.</summary>
    public Task PutAsync(ObjectKey key, ObjectRecord record, IReadOnlyList<(int Number, ulong Checksum)> blocks) =>
        thread.RunAsync(() => Store?.Put(key, record, blocks));

    /// <summary>Forgets an object, and by its generation all its blocks.</summary>
    public Task RemoveAsync(ObjectKey key) => thread.RunAsync(() => Store?.Remove(key));

    public Task RemoveBlockAsync(ObjectKey key, int number) => thread.RunAsync(() => Store?.RemoveBlock(key, number));

    /// <summary>Makes all that was put before this call survive; readers wait for no disk meanwhile. Called by one thread at a time, which may block.</summary>
    /// <param name="generations">The objects that exist, by key, for compaction; null when that is not known yet.</param>
    /// <param name="liveRecords">How many records they need, roughly.</param>
    /// <returns>False when the disk refuses: it stays to be done.</returns>
    public bool Checkpoint(Func<ObjectKey, uint?>? generations, long liveRecords)
    {
        try
        {
            for (int i = 0; generations is not null && i < SlicesOfACheckpoint; i++)
            {
                if (!Wait(() => Store?.CompactSlice(generations, liveRecords) == true))
                    break;
            }

            var checkpoint = Wait(() => Store?.Fold());
            lock (persisting)
                return !isClosed && store is not null && (checkpoint is not { } folded || store.Persist(folded));
        }
        catch (ObjectDisposedException)
        {
            return false;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or FasterException)
        {
            Log.CheckpointFailed(log, e.Message);
            return false;
        }
    }

    /// <summary>Ends when what it was asked before has been done.</summary>
    public async ValueTask DisposeAsync()
    {
        // The process may end before a large one is open.
        var stopping = opening.IsCompleted ? Task.CompletedTask : Task.Factory.StartNew(starts.Stopped, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        await thread.RunAsync(() =>
        {
            lock (persisting)
            {
                isClosed = true;
                store?.Dispose();
                store = null;
            }
        }).ConfigureAwait(false);
        thread.Dispose();
        await stopping.ConfigureAwait(false);
    }

    private T Wait<T>(Func<T> work) => thread.RunAsync(work).GetAwaiter().GetResult();
}
