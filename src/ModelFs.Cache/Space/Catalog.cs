namespace ModelFs.Cache.Space;

/// <summary>What each object takes on disk and when it was last used: the account, and the order of eviction.</summary>
/// <remarks>A view, made anew at each start from what the disk and the index say. About 70 bytes an object.</remarks>
internal sealed class Catalog
{
    private readonly Dictionary<ObjectKey, Entry> entries = [];
    private readonly Lock gate = new();
    private long bytes;
    private int sealedCount;

    public long Bytes => Volatile.Read(ref bytes);

    public int Count
    {
        get
        {
            lock (gate)
                return entries.Count;
        }
    }

    public int SealedCount => Volatile.Read(ref sealedCount);

    /// <summary>Records of the index that these objects need, roughly.</summary>
    public long LiveRecords => Bytes / CacheOptions.BlockSize + Count;

    public bool Contains(ObjectKey key)
    {
        lock (gate)
            return entries.ContainsKey(key);
    }

    public uint? GenerationOf(ObjectKey key)
    {
        lock (gate)
            return entries.TryGetValue(key, out var entry) ? entry.Generation : null;
    }

    public void Set(ObjectKey key, Entry entry)
    {
        lock (gate)
        {
            Forget(key);
            entries.Add(key, entry);
            bytes += entry.Bytes;
            sealedCount += entry.Sealed ? 1 : 0;
        }
    }

    public void Add(ObjectKey key, uint generation, long size, long now)
    {
        lock (gate)
        {
            if (entries.TryGetValue(key, out var entry))
                entries[key] = entry with { Bytes = entry.Bytes + size };
            else
                entries.Add(key, new Entry(size, now, generation, false));
            bytes += size;
        }
    }

    public void Touch(ObjectKey key, long now)
    {
        lock (gate)
        {
            if (entries.TryGetValue(key, out var entry))
                entries[key] = entry with { LastUse = now };
        }
    }

    public Entry? Remove(ObjectKey key)
    {
        lock (gate)
            return Forget(key);
    }

    /// <summary>The objects that were used longest ago, oldest first.</summary>
    public List<ObjectKey> Oldest(int count)
    {
        lock (gate)
        {
            var newestFirst = new PriorityQueue<ObjectKey, long>(count + 1);
            foreach (var (key, entry) in entries)
            {
                newestFirst.Enqueue(key, -entry.LastUse);
                if (newestFirst.Count > count)
                    newestFirst.Dequeue();
            }

            var oldest = new List<ObjectKey>(newestFirst.Count);
            while (newestFirst.TryDequeue(out var key, out _))
                oldest.Add(key);
            oldest.Reverse();
            return oldest;
        }
    }

    private Entry? Forget(ObjectKey key)
    {
        if (!entries.Remove(key, out var entry))
            return null;
        bytes -= entry.Bytes;
        sealedCount -= entry.Sealed ? 1 : 0;
        return entry;
    }

    /// <param name="LastUse">Milliseconds since 1970.</param>
    public readonly record struct Entry(long Bytes, long LastUse, uint Generation, bool Sealed);
}
