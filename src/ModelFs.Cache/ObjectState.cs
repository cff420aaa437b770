namespace ModelFs.Cache;

/// <summary>What the cache holds of one object.</summary>
/// <param name="Size">Bytes, or null while unknown.</param>
/// <param name="CachedBytes">Bytes of its blocks that are on disk.</param>
/// <param name="Sealed">All blocks are there and each checksum was right.</param>
/// <param name="DigestMatched">True when the whole was hashed and matched the registry's digest; null when there is no digest or it is not complete yet.</param>
/// <param name="Quarantined">The whole did not match the registry's digest: reads fail with EIO.</param>
public readonly record struct ObjectState(long? Size, long CachedBytes, bool Sealed, bool? DigestMatched, bool Quarantined);
