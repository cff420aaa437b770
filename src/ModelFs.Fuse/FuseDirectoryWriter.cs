namespace ModelFs.Fuse;

/// <summary>Collects directory entries into one READDIR or READDIRPLUS reply.</summary>
public sealed class FuseDirectoryWriter
{
    /// <summary>Whether the kernel takes attributes with the names (READDIRPLUS). Each entry with a node id that is added counts as a lookup.</summary>
    public bool WantsAttributes => throw new NotImplementedException();

    /// <summary>Adds a name. With READDIRPLUS it is listed without attributes, and the kernel looks it up when it needs them.</summary>
    /// <param name="next">The offset that continues after this entry.</param>
    /// <returns>False when the reply is full: the entry was not added.</returns>
    public bool TryAdd(ReadOnlySpan<byte> name, ulong inode, FuseFileType type, long next) => throw new NotImplementedException();

    /// <summary>Adds a name with its attributes. With plain READDIR the same as the other overload.</summary>
    public bool TryAdd(ReadOnlySpan<byte> name, in FuseEntry entry, long next) => throw new NotImplementedException();
}
