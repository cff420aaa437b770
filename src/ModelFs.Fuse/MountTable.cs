namespace ModelFs.Fuse;

/// <summary>One line of <c>/proc/self/mountinfo</c>.</summary>
public sealed record MountEntry(int Id, int ParentId, string Device, string MountPoint, string FileSystemType, string Source);

/// <summary>What is mounted, without touching it: a hung or dead mount blocks whoever calls <c>stat</c> on it.</summary>
public static class MountTable
{
    public static IReadOnlyList<MountEntry> Read() => throw new NotImplementedException();

    /// <summary>Detaches every mount of this type stacked on the path (<c>umount2(MNT_DETACH)</c>, else <c>fusermount3 -u -z</c>) and says how many there were.</summary>
    public static int DetachAll(string mountPoint, string fileSystemType) => throw new NotImplementedException();
}
