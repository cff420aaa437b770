using ModelFs.Fuse;

namespace ModelFs.Vfs.Nodes;

/// <summary>What <c>stat</c> shows of each kind of node. Everything belongs to root and may be read by all.</summary>
internal static class NodeAttributes
{
    /// <summary>The root and the registries: they have no date of their own, and one that changes would make backups copy for nothing.</summary>
    public static readonly DateTimeOffset NoTime = DateTimeOffset.UnixEpoch;

    private const uint DirectoryPermissions = 0b101_101_101;
    private const uint FilePermissions = 0b100_100_100;
    private const uint LinkPermissions = 0b111_111_111;

    // What 64 bits of nanoseconds hold; a registry may claim anything.
    private static readonly DateTimeOffset Last = new(2262, 1, 1, 0, 0, 0, TimeSpan.Zero);

    public static FuseAttributes Directory(NodeId id, DateTimeOffset time) =>
        new(id.Inode, FuseFileType.Directory, DirectoryPermissions, 0, Nanoseconds(time), Links: 2);

    public static FuseAttributes File(NodeId id, long size, DateTimeOffset time) =>
        new(id.Inode, FuseFileType.Regular, FilePermissions, size, Nanoseconds(time));

    public static FuseAttributes Link(NodeId id, int targetLength, DateTimeOffset time) =>
        new(id.Inode, FuseFileType.SymbolicLink, LinkPermissions, targetLength, Nanoseconds(time));

    private static long Nanoseconds(DateTimeOffset time)
    {
        var within = time < DateTimeOffset.UnixEpoch ? DateTimeOffset.UnixEpoch : time > Last ? Last : time;
        return (within - DateTimeOffset.UnixEpoch).Ticks * TimeSpan.NanosecondsPerTick;
    }
}
