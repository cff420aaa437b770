using ModelFs.Cache.Disk;

namespace ModelFs.Cache.Objects;

/// <summary>The number of one life of an object: from its first block to its eviction. It stands in each record of the index, and in an attribute of the file.</summary>
/// <remarks>
/// After a kill the index may still know an object that was evicted since the last checkpoint. If it had been begun again meanwhile, those
/// records would speak of blocks that the new file does not have.
/// </remarks>
internal static class Generation
{
    public static uint New() => (uint)Random.Shared.NextInt64(1, uint.MaxValue);

    /// <summary>Of a file that was just made. A filesystem without attributes keeps none.</summary>
    public static void Write(string path, uint generation) => Linux.SetGeneration(path, generation);

    /// <summary>Null where the file has none, or is not there.</summary>
    public static uint? Read(string path) => Linux.Generation(path);

    /// <summary>Whether a record may be about the file here, if there is one. About an empty one is none: a kill came between its making and its number.</summary>
    public static bool Agrees(string path, uint generation) => Read(path) is { } own ? own == generation : Linux.Stamp(path) is { Size: > 0 };
}
