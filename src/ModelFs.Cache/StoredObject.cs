namespace ModelFs.Cache;

/// <summary>An object in the cache under one of its names; one that several versions share is listed under each.</summary>
/// <param name="Owner">Its registry; empty where nobody knows: an older cache, or a damaged file of names.</param>
/// <param name="Path">Where it is in the tree: <c>MLFLOW/iris/2/model.pkl</c>; its key where no name is known.</param>
/// <param name="Bytes">On disk.</param>
/// <param name="Sealed">It is complete and checked.</param>
/// <param name="LastUse">When it was last opened or read; to the minute for what was not opened since the start.</param>
public sealed record StoredObject(ObjectKey Key, string Owner, string Path, long Bytes, bool Sealed, DateTimeOffset LastUse, bool Pinned, bool Open);

/// <summary>One registry's share of the cache.</summary>
/// <param name="MaxBytes">Its own budget, or null.</param>
/// <param name="MaxAge">How long its files stay unused, or null: for ever.</param>
/// <param name="OriginBytes">Fetched from it since <see cref="CacheInventory.CountedSince"/>.</param>
/// <param name="ServedBytes">Handed to readers since then; what the kernel reads by itself is not among them.</param>
/// <param name="Fault">Why its files are not stored just now, or null.</param>
public sealed record OwnerShare(
    string Owner, long Bytes, int Objects, int Sealed, long? MaxBytes, TimeSpan? MaxAge, long OriginBytes, long ServedBytes, string? Fault);

/// <summary>The cache as its administrator sees it.</summary>
/// <param name="UsedBytes">All of the following together.</param>
/// <param name="FreeBytes">Free on its filesystem.</param>
/// <param name="OldestUse">Of the object that was used longest ago; null while there is none.</param>
/// <param name="PinnedBytes">Of objects that are pinned and here.</param>
/// <param name="OpenBytes">Of objects that somebody has open.</param>
public sealed record CacheInventory(
    string Directory,
    long UsedBytes,
    long MaxBytes,
    long FreeBytes,
    long MinFreeBytes,
    long ObjectBytes,
    long IndexBytes,
    long MetadataBytes,
    int Objects,
    int Sealed,
    DateTimeOffset? OldestUse,
    DateTimeOffset? NewestUse,
    int Pinned,
    long PinnedBytes,
    int Open,
    long OpenBytes,
    DateTimeOffset CountedSince,
    IReadOnlyList<OwnerShare> Owners,
    string? Fault);
