namespace ModelFs.Cache;

/// <summary>Which limit leaves objects no room.</summary>
public enum RoomLimit
{
    /// <summary><see cref="CacheOptions.MaxBytes"/>.</summary>
    Cache,

    /// <summary><see cref="CacheOptions.MinFreeBytes"/> of the filesystem.</summary>
    FreeSpace,

    /// <summary><see cref="OwnerLimits.MaxBytes"/> of one registry.</summary>
    Registry,
}

/// <summary>Some objects cannot lie in the cache together, whatever else leaves it.</summary>
/// <param name="Needed">Bytes that they take on disk; those of unknown size count for nothing.</param>
/// <param name="Room">Bytes that there are for them beside other objects that are pinned.</param>
/// <param name="Owner">The registry whose limit it is, or null.</param>
public sealed record Shortage(long Needed, long Room, RoomLimit Limit, string? Owner = null);
