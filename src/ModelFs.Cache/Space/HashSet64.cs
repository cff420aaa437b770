namespace ModelFs.Cache.Space;

/// <summary>Hashes of 64 bits: 10 to 15 bytes each, where the framework's set takes 20 to 40.</summary>
/// <remarks>Not thread safe.</remarks>
/// <param name="expected">How many there will be, or more.</param>
internal sealed class HashSet64(int expected = 0)
{
    /// <summary>0 for none. A hash lies in the first one that was free from its home on.</summary>
    private ulong[] slots = new ulong[1024 + (expected / 2 * 3)];

    public int Count { get; private set; }

    /// <summary>False when it is there already.</summary>
    public bool Add(ulong hash)
    {
        hash = Math.Max(hash, 1);
        ref ulong slot = ref Find(slots, hash);
        if (slot == hash)
            return false;
        slot = hash;
        // Between 53 and 80 in a hundred of them are taken.
        if (++Count * 5L > slots.Length * 4L)
            Grow();
        return true;
    }

    private void Grow()
    {
        ulong[] grown = new ulong[slots.Length + slots.Length / 2];
        foreach (ulong hash in slots)
        {
            if (hash != 0)
                Find(grown, hash) = hash;
        }

        slots = grown;
    }

    /// <summary>Where a hash lies, or would.</summary>
    private static ref ulong Find(ulong[] table, ulong hash)
    {
        int i = (int)(((hash >> 32) * (uint)table.Length) >> 32);
        while (table[i] != 0 && table[i] != hash)
            i = i + 1 < table.Length ? i + 1 : 0;
        return ref table[i];
    }
}
