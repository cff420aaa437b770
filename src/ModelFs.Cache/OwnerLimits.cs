namespace ModelFs.Cache;

/// <summary>What one registry's objects may take of the cache.</summary>
/// <param name="MaxBytes">Bytes on disk, at least 64 MiB; null for no limit of its own.</param>
/// <param name="MaxAge">Objects that nobody has opened or read for so long go, at least 1 minute: the index counts minutes. Null: never by age.</param>
public sealed record OwnerLimits(long? MaxBytes, TimeSpan? MaxAge)
{
    public static readonly OwnerLimits None = new(null, null);
}
