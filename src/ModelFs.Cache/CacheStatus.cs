namespace ModelFs.Cache;

/// <param name="UsedBytes">On disk now: objects, index and metadata.</param>
/// <param name="OriginBytes">Fetched from sources since the cache was opened.</param>
/// <param name="ServedBytes">Handed to readers since the cache was opened.</param>
/// <param name="Fault">What is wrong with the disk, in words, or null: reads go on without storing.</param>
public sealed record CacheStatus(
    string Directory, long UsedBytes, long MaxBytes, long Objects, long SealedObjects, long OpenObjects, long OriginBytes, long ServedBytes, long Evictions, string? Fault)
{
    /// <summary>Complete objects that a kill may have hurt, and that are still to be read again in the background.</summary>
    public long UnverifiedObjects { get; init; }

    /// <summary>Bytes of them on disk.</summary>
    public long UnverifiedBytes { get; init; }
}
