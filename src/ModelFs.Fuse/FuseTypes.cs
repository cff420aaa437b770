namespace ModelFs.Fuse;

/// <summary>The type bits of <c>st_mode</c>, shifted down by 12: what a directory entry carries.</summary>
public enum FuseFileType : byte
{
    Directory = 4,
    Regular = 8,
    SymbolicLink = 10,
}

/// <summary>What <c>stat</c> shows of a node. Times are nanoseconds since 1970; one value serves atime, mtime and ctime.</summary>
public readonly record struct FuseAttributes(
    ulong Inode,
    FuseFileType Type,
    uint Permissions,
    long Size,
    long TimeNanoseconds,
    uint Links = 1,
    uint Uid = 0,
    uint Gid = 0,
    uint BlockSize = 4096);

/// <summary>A name and what it stands for. The kernel may believe the name for <see cref="EntryTtl"/>, the attributes for <see cref="AttributesTtl"/>.</summary>
/// <param name="NodeId">0 says that the name does not exist, and that this may be believed for <see cref="EntryTtl"/>.</param>
public readonly record struct FuseEntry(ulong NodeId, FuseAttributes Attributes, TimeSpan EntryTtl, TimeSpan AttributesTtl, ulong Generation = 0)
{
    public static FuseEntry Absent(TimeSpan ttl) => new(0, default, ttl, TimeSpan.Zero);
}

public readonly record struct FuseAttributesReply(FuseAttributes Attributes, TimeSpan Ttl);

/// <summary>How the kernel is to treat an open file or directory (FOPEN_*).</summary>
[Flags]
public enum FuseOpenFlags : uint
{
    None = 0,
    DirectIo = 1 << 0,
    KeepCache = 1 << 1,
    CacheDirectory = 1 << 3,
    NoFlush = 1 << 5,

    /// <summary>The kernel reads the file of <see cref="FuseOpen.BackingId"/> and asks nothing more. Not together with <see cref="KeepCache"/>.</summary>
    Passthrough = 1 << 7,
}

/// <param name="Handle">Comes back with each READ and with RELEASE. 0 where the node id says everything.</param>
/// <param name="BackingId">With <see cref="FuseOpenFlags.Passthrough"/>: what <see cref="FuseSession.TryOpenBacking"/> gave.</param>
/// <remarks>
/// The kernel refuses with EIO to pass one node through while it is open otherwise, and the reverse, and to pass it through to two
/// backing ids at a time: every open of a node goes the way of those that live.
/// </remarks>
public readonly record struct FuseOpen(ulong Handle, FuseOpenFlags Flags, int BackingId = 0);

/// <summary>What <c>statfs</c> shows. <see cref="BlockSize"/> in bytes, the counts in blocks of it.</summary>
public readonly record struct FuseStatistics(ulong Blocks, ulong FreeBlocks, ulong AvailableBlocks, ulong Files, ulong FreeFiles, uint BlockSize = 4096, uint NameLength = 255);
