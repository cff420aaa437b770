namespace ModelFs.Cache.Space;

/// <summary>Entries by key: 48 bytes each, and 5 to 8 for its place.</summary>
/// <remarks>
/// Not thread safe. A dictionary takes 68, twice that when it has just grown, and both copies meanwhile: up to 145 MB for a million. Here entries
/// lie side by side in chunks that stay where they are, and only the places are copied when they become too few.
/// </remarks>
internal sealed class CatalogTable
{
    /// <summary>96 KiB: what is larger than 85,000 bytes, the collector does not move.</summary>
    private const int ChunkSize = 2048;

    private readonly List<(ObjectKey Key, Catalog.Entry Entry)[]> chunks = [];

    /// <summary>One more than the number of an entry, 0 for none. An entry lies in the first place that was free from its home on.</summary>
    private int[] places = new int[1024];

    public int Count { get; private set; }

    public bool TryGet(ObjectKey key, out Catalog.Entry entry)
    {
        int number = places[PlaceOf(key)] - 1;
        entry = number < 0 ? default : At(number).Entry;
        return number >= 0;
    }

    public void Set(ObjectKey key, in Catalog.Entry entry)
    {
        int place = PlaceOf(key);
        if (places[place] == 0)
        {
            if (Count == chunks.Count * ChunkSize)
                chunks.Add(new (ObjectKey, Catalog.Entry)[ChunkSize]);
            At(Count).Key = key;
            places[place] = ++Count;
            // Between 53 and 80 in a hundred of them are taken.
            if (Count * 5L > places.Length * 4L)
                Grow();
            At(Count - 1).Entry = entry;
            return;
        }

        At(places[place] - 1).Entry = entry;
    }

    public bool Remove(ObjectKey key, out Catalog.Entry removed)
    {
        int place = PlaceOf(key), number = places[place] - 1;
        removed = number < 0 ? default : At(number).Entry;
        if (number < 0)
            return false;
        // The last entry moves to where this one was.
        ref var last = ref At(Count - 1);
        places[PlaceOf(last.Key)] = number + 1;
        At(number) = last;
        Vacate(place);
        last = default;
        Count--;
        if (Count <= (chunks.Count - 2) * ChunkSize)
            chunks.RemoveAt(chunks.Count - 1);
        return true;
    }

    /// <summary>All of them, in no order.</summary>
    public void Visit(Action<ObjectKey, Catalog.Entry> visit)
    {
        for (int number = 0; number < Count; number++)
        {
            ref var item = ref At(number);
            visit(item.Key, item.Entry);
        }
    }

    private ref (ObjectKey Key, Catalog.Entry Entry) At(int number) => ref chunks[number / ChunkSize][number % ChunkSize];

    /// <summary>Where a key lies, or would.</summary>
    private int PlaceOf(ObjectKey key)
    {
        int place = HomeOf(key);
        while (places[place] != 0 && At(places[place] - 1).Key != key)
            place = Next(place);
        return place;
    }

    private void Grow()
    {
        places = new int[places.Length + places.Length / 2];
        for (int number = 0; number < Count; number++)
        {
            int place = HomeOf(At(number).Key);
            while (places[place] != 0)
                place = Next(place);
            places[place] = number + 1;
        }
    }

    /// <summary>Empties a place; those that are found by way of it move up.</summary>
    private void Vacate(int place)
    {
        for (int next = Next(place); places[next] != 0; next = Next(next))
        {
            int home = HomeOf(At(places[next] - 1).Key);
            bool isBetween = place <= next ? home > place && home <= next : home > place || home <= next;
            if (isBetween)
                continue;
            places[place] = places[next];
            place = next;
        }

        places[place] = 0;
    }

    private int Next(int place) => place + 1 < places.Length ? place + 1 : 0;

    private int HomeOf(ObjectKey key)
    {
        ulong mixed = ((ulong)(key.Value >> 64) ^ (ulong)key.Value) * 0x9E3779B97F4A7C15ul;
        return (int)(((mixed >> 32) * (uint)places.Length) >> 32);
    }
}
