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

    /// <summary>Whether a record may be about the file here, if there is one. About an empty one is none: a kill came between its making and its number.</summary>
    /// <remarks>A file without a number is of a filesystem without attributes, or a copy that was made without them. One whose number cannot be read is nobody's.</remarks>
    public static bool Agrees(string path, uint generation) => Linux.TryReadGeneration(path, out uint? own) && (own is { } number ? number == generation : Linux.Stamp(path) is { Size: > 0 });

    /// <summary>Null where the file has none, or is not there.</summary>
    public static uint? Read(string path) => Linux.TryReadGeneration(path, out uint? own) ? own : null;
}
