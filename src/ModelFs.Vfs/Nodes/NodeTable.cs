using System.Collections.Concurrent;
using ModelFs.Cache;
using ModelFs.Vfs.Freshness;

namespace ModelFs.Vfs.Nodes;

/// <summary>Ordinals and what they stand for: the recent ones in memory, the others from the ordinal table.</summary>
/// <remarks>The table lies on disk, and a thread of the kernel's must not wait for a disk: one thread of its own asks it, in order.</remarks>
internal sealed class NodeTable : IDisposable
{
    /// <summary>About 1 MB. What a path walk needs again and again; a listing keeps the ordinals of its own entries.</summary>
    private const int MostRecent = 4096;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private readonly OrdinalTable ordinals;
    private readonly RecentTable<uint, NodeKey> keys = new(MostRecent);
    private readonly RecentTable<NodeKey, uint> numbers = new(MostRecent);
    private readonly BlockingCollection<Action> work = [];
    private readonly Thread thread;

    public NodeTable(OrdinalTable ordinals)
    {
        this.ordinals = ordinals;
        thread = new Thread(Work) { IsBackground = true, Name = "modelfs-nodes" };
        thread.Start();
    }

    public bool TryGetKey(uint ordinal, out NodeKey key) => keys.TryGet(ordinal, out key);

    public bool TryGetOrdinal(in NodeKey key, out uint ordinal) => numbers.TryGet(key, out ordinal);

    /// <summary>What an ordinal stands for that an earlier run may have given; null for one that nobody gave.</summary>
    public Task<NodeKey?> FindAsync(uint ordinal) => RunAsync(() => Find(ordinal));

    public Task<uint> GetOrAddAsync(NodeKey key) => RunAsync(() => GetOrAdd(key));

    /// <summary>Does several look-ups on the table's thread at once.</summary>
    public Task RunAsync(Action<Func<NodeKey, uint>> assign) => RunAsync(() =>
    {
        assign(key => ordinals.GetOrAdd(key.Encode()));
        ordinals.Settle();
        return true;
    });

    public void Dispose()
    {
        work.CompleteAdding();
        // A disk that hangs keeps the thread; it dies with the process.
        if (thread.Join(Patience))
            work.Dispose();
    }

    private NodeKey? Find(uint ordinal)
    {
        if (ordinals.Find(ordinal) is not { } bytes || !NodeKey.TryDecode(bytes, out var key))
            return null;
        keys.Set(ordinal, key);
        return key;
    }

    private uint GetOrAdd(NodeKey key)
    {
        var ordinal = ordinals.GetOrAdd(key.Encode());
        ordinals.Settle();
        keys.Set(ordinal, key);
        numbers.Set(key, ordinal);
        return ordinal;
    }

    private Task<T> RunAsync<T>(Func<T> ask)
    {
        var done = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        work.Add(() =>
        {
            try
            {
                done.SetResult(ask());
            }
            catch (Exception fault)
            {
                done.SetException(fault);
            }
        });
        return done.Task;
    }

    private void Work()
    {
        foreach (var action in work.GetConsumingEnumerable())
            action();
    }
}
