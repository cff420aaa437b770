namespace ModelFs.Cache.Space;

/// <summary>Whether objects can all be in the cache at once, when everything else has gone that may.</summary>
/// <remarks>What is open counts as what may go: nobody knows how long it stays open, and who is wrong about it is told at the end.</remarks>
internal sealed class Fit(CacheOptions options, Catalog catalog, Accounts accounts, Pins pins, DiskSpace space)
{
    /// <summary>What keeps them from it, or null.</summary>
    public Shortage? ShortageOf(IEnumerable<ObjectDescriptor> wanted)
    {
        var set = wanted.DistinctBy(o => o.Key).ToDictionary(o => o.Key);
        var pinned = catalog.Select((key, _) => !set.ContainsKey(key) && pins.Contains(key));
        long needed = set.Values.Sum(BytesOnDisk);
        long room = options.MaxBytes - space.IndexBytes - space.MetadataBytes - pinned.Sum(o => o.Entry.Bytes);
        if (needed > room)
            return new Shortage(needed, Math.Max(0, room), RoomLimit.Cache);
        if (space.FreeBytes - options.MinFreeBytes < needed)
        {
            long mayGo = catalog.Bytes - pinned.Sum(o => o.Entry.Bytes);
            room = space.FreeBytes - options.MinFreeBytes + mayGo;
            if (needed > room)
                return new Shortage(needed, Math.Max(0, room), RoomLimit.FreeSpace);
        }

        foreach (var owned in set.Values.GroupBy(o => o.Owner))
        {
            var account = accounts.Of(owned.Key);
            needed = owned.Sum(BytesOnDisk);
            if (account.Limits.MaxBytes is { } budget && needed > (room = budget - pinned.Where(o => o.Entry.Account == account).Sum(o => o.Entry.Bytes)))
                return new Shortage(needed, Math.Max(0, room), RoomLimit.Registry, account.Owner);
        }

        return null;
    }

    private static long BytesOnDisk(ObjectDescriptor descriptor) => ((descriptor.Size ?? 0) + 4095) & ~4095L;
}
