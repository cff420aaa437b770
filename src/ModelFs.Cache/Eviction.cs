namespace ModelFs.Cache;

/// <summary>Why an object goes.</summary>
public enum EvictionReason
{
    /// <summary>Nobody has used it for as long as its registry keeps files, or as was asked for.</summary>
    Age,

    /// <summary>Its registry takes more than its budget.</summary>
    RegistryBudget,

    /// <summary>The cache is over its limit.</summary>
    CacheLimit,

    /// <summary>The disk has less free space than is to be left.</summary>
    FreeSpace,

    /// <summary>A size that was asked for.</summary>
    Size,

    /// <summary>Somebody asked for this place to be cleared.</summary>
    Cleared,
}

/// <summary>What has to go.</summary>
/// <param name="Path">Only what lies there, <c>MLFLOW/iris/2</c>; null for the whole cache.</param>
/// <param name="ToBytes">Until what lies there takes no more than so much.</param>
/// <param name="OlderThan">What was not used for so long.</param>
/// <param name="All">All of it. Else, with neither of the others: what the limits say of the whole cache, and nothing of one place.</param>
/// <param name="DryRun">Only say what would go.</param>
public sealed record EvictionRequest(string? Path = null, long? ToBytes = null, TimeSpan? OlderThan = null, bool All = false, bool DryRun = false);

/// <param name="Path">Its first name, or its key when nobody knows one.</param>
/// <param name="LastUse">When it was last opened or read.</param>
public sealed record EvictedObject(string Path, long Bytes, DateTimeOffset LastUse, EvictionReason Reason);

/// <param name="Open">Objects there that stay because somebody has them open.</param>
/// <param name="Pinned">Objects there that stay because they are pinned.</param>
/// <param name="LeftBytes">What lies there afterwards.</param>
public sealed record EvictionResult(IReadOnlyList<EvictedObject> Objects, int Open, int Pinned, long LeftBytes);
