namespace ModelFs.Cache.Disk;

/// <summary>Whether the kernel may read the files of a directory in our place.</summary>
/// <remarks>
/// Only of filesystems that are local and not stacked on others: with a network filesystem the server's silence would reach readers
/// that no deadline of ours covers, and the kernel refuses stacked ones.
/// </remarks>
internal static class Filesystem
{
    private static readonly Dictionary<long, string[]> Local = new()
    {
        [0xEF53] = ["ext4", "ext3", "ext2"],
        [0x58465342] = ["xfs"],
        [0x9123683E] = ["btrfs"],
        [0x01021994] = ["tmpfs"],
    };

    private static readonly Dictionary<long, string> Others = new()
    {
        [0x6969] = "nfs",
        [0xFF534D42] = "cifs",
        [0xFE534D42] = "smb",
        [0x00C36400] = "ceph",
        [0x0BD00BD0] = "lustre",
        [0x65735546] = "fuse",
        [0x794C7630] = "overlay",
    };

    /// <summary>Those of which it may, by name.</summary>
    public static IReadOnlyCollection<string> Readable { get; } = [.. Local.Values.SelectMany(names => names)];

    /// <summary>Null, or why not.</summary>
    public static string? Obstacle(string directory)
    {
        long type = Linux.FilesystemType(directory);
        if (Local.ContainsKey(type))
            return null;
        return $"the cache lies on {(Others.TryGetValue(type, out string? name) ? name : $"a filesystem of type {type:x}")}, not on ext4, xfs, btrfs or tmpfs";
    }
}
