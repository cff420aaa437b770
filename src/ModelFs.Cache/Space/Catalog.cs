using ModelFs.Cache.Index;

namespace ModelFs.Cache.Space;

/// <summary>What each object takes on disk and when it was last used: the account, and the order of eviction.</summary>
/// <remarks>A view, made anew at each start from what the disk and the index say. 53 to 56 bytes an object.</remarks>
internal sealed class Catalog
{
    private readonly CatalogTable entries = new();
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
    public long LiveRecords => Bytes / (CacheOptions.BlockSize * IndexValue.Blocks) + Count;

    public bool Contains(ObjectKey key)
    {
        lock (gate)
            return entries.TryGet(key, out _);
    }

    public bool IsSealed(ObjectKey key)
    {
        lock (gate)
            return entries.TryGet(key, out var entry) && entry.Sealed;
    }

    public uint? GenerationOf(ObjectKey key)
    {
        lock (gate)
            return entries.TryGet(key, out var entry) ? entry.Generation : null;
    }

    public void Set(ObjectKey key, Entry entry)
    {
        lock (gate)
            Put(key, entry);
    }

    public void Add(ObjectKey key, uint generation, long size, long now, Account account)
    {
        lock (gate)
            Put(key, entries.TryGet(key, out var entry) ? entry with { Bytes = entry.Bytes + size } : new Entry(size, now, generation, false, account));
    }

    /// <summary>Its file takes less. False when it is not here any more.</summary>
    public bool Subtract(ObjectKey key, uint generation, long size)
    {
        lock (gate)
        {
            if (!entries.TryGet(key, out var entry) || entry.Generation != generation)
                return false;
            Put(key, entry with { Bytes = Math.Max(0, entry.Bytes - size) });
            return true;
        }
    }

    /// <summary>It is used, and whoever uses it knows whose it is.</summary>
    public void Touch(ObjectKey key, long now, Account account)
    {
        lock (gate)
        {
            if (entries.TryGet(key, out var entry))
                Put(key, entry with { LastUse = now, Account = account });
        }
    }

    /// <summary>It is somebody's, if it was nobody's.</summary>
    public void Own(ObjectKey key, Account account)
    {
        lock (gate)
        {
            if (entries.TryGet(key, out var entry) && entry.Account.Owner.Length == 0)
                Put(key, entry with { Account = account });
        }
    }

    /// <summary>It is not complete any more.</summary>
    public void Unseal(ObjectKey key)
    {
        lock (gate)
        {
            if (entries.TryGet(key, out var entry))
                Put(key, entry with { Sealed = false });
        }
    }

    public Entry? Remove(ObjectKey key)
    {
        lock (gate)
            return Forget(key);
    }

    public Entry? Find(ObjectKey key)
    {
        lock (gate)
            return entries.TryGet(key, out var entry) ? entry : null;
    }

    /// <summary>Shows all that it holds, in no order. Everybody else waits meanwhile: 10 to 20 ms for a million.</summary>
    public void Visit(Action<ObjectKey, Entry> visit)
    {
        lock (gate)
            entries.Visit(visit);
    }

    /// <summary>What it holds of the objects that are asked for.</summary>
    public List<(ObjectKey Key, Entry Entry)> Select(Func<ObjectKey, Entry, bool> wanted)
    {
        var selected = new List<(ObjectKey, Entry)>();
        Visit((key, entry) =>
        {
            if (wanted(key, entry))
                selected.Add((key, entry));
        });
        return selected;
    }

    private Entry? Forget(ObjectKey key)
    {
        if (!entries.Remove(key, out var entry))
            return null;
        Volatile.Write(ref bytes, bytes - entry.Bytes);
        sealedCount -= entry.Sealed ? 1 : 0;
        Charge(entry, -1);
        return entry;
    }

    /// <summary>The sum moves in one step: whoever looks at it without the lock to see whether there is room never finds too much.</summary>
    private void Put(ObjectKey key, in Entry entry)
    {
        bool isKnown = entries.TryGet(key, out var former);
        entries.Set(key, entry);
        Volatile.Write(ref bytes, bytes + entry.Bytes - former.Bytes);
        sealedCount += (entry.Sealed ? 1 : 0) - (former.Sealed ? 1 : 0);
        if (isKnown && former.Account == entry.Account)
        {
            entry.Account.Bytes += entry.Bytes - former.Bytes;
            entry.Account.Sealed += (entry.Sealed ? 1 : 0) - (former.Sealed ? 1 : 0);
            return;
        }

        if (isKnown)
            Charge(former, -1);
        Charge(entry, 1);
    }

    private static void Charge(in Entry entry, int sign)
    {
        entry.Account.Bytes += sign * entry.Bytes;
        entry.Account.Objects += sign;
        entry.Account.Sealed += entry.Sealed ? sign : 0;
    }

    /// <param name="LastUse">Milliseconds since 1970.</param>
    public readonly record struct Entry(long Bytes, long LastUse, uint Generation, bool Sealed, Account Account);
}
