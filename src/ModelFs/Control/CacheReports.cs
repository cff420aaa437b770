using ModelFs.Cache;

namespace ModelFs.Control;

// What is said of the cache and of a place in the tree, and what goes over the control socket as JSON.

/// <param name="Kinds">Of what kind each configured registry is, by its name: the cache does not know.</param>
internal sealed record CacheInfoReport(CacheInventory Cache, IReadOnlyDictionary<string, string> Kinds);

/// <param name="Object">The object's key: one file that several versions share is listed under each of its names.</param>
/// <param name="Registry">Null where nobody knows whose it is; then <paramref name="Path"/> is its key.</param>
internal sealed record CachedItem(
    string Object, string? Registry, string Path, long Bytes, bool Complete, DateTimeOffset LastUse, bool Pinned, bool Open)
{
    public static CachedItem Of(StoredObject stored) =>
        new(stored.Key.ToString(), stored.Owner.Length > 0 ? stored.Owner : null, stored.Path, stored.Bytes, stored.Sealed, stored.LastUse, stored.Pinned, stored.Open);
}

/// <param name="Path">What is pinned, after all links.</param>
/// <param name="Setting">The configured path that leads there, or null where a person pinned it.</param>
/// <param name="CachedBytes">Of it, what is in the cache.</param>
internal sealed record PinReport(string Path, string? Setting, int Files, long CachedBytes);

/// <summary>Everything known of a place in the tree.</summary>
/// <param name="Path">As it was asked for.</param>
/// <param name="Target">Where it leads when its link is followed; null for what is no link.</param>
/// <param name="RegistryKind"><c>mlflow</c>, say.</param>
/// <param name="Origin">Where the registry is.</param>
/// <param name="Content">Where the registry says that the version's files lie; never with credentials.</param>
/// <param name="Files">In a directory of a version; null elsewhere.</param>
/// <param name="Size">Of the file, or of all files of the directory whose size is known.</param>
/// <param name="Verified"><c>yes</c>, <c>no</c> or <c>unknown</c>: whether the whole matched its digest.</param>
/// <param name="Mode">How the next open reads: <c>passthrough</c>: complete, checked, and read by the kernel itself; <c>sealed</c>: complete and checked; <c>lazy</c>: fetched as it is read.</param>
/// <param name="Asked">When the registry last said so of what can change: the model, its aliases, that the version exists.</param>
/// <param name="FilesAsked">When the registry told the version's files, which never change.</param>
internal sealed record StatReport(
    string Path,
    EntryKind Kind,
    string? Target,
    string? Registry,
    string? RegistryKind,
    string? Origin,
    string? Model,
    string? Version,
    DateTimeOffset? Created,
    string? Content,
    int? Files,
    long? Size,
    long? CachedBytes,
    string? Digest,
    string? Verified,
    string? Mode,
    bool? Pinned,
    string? Object,
    DateTimeOffset? Asked,
    DateTimeOffset? FilesAsked);
