using ModelFs.Cache;
using ModelFs.Configuration;
using ModelFs.Control;
using ModelFs.Fuse;

namespace ModelFs.Doctor;

/// <summary>The cache directory: whether it can be written, what it lies on, whether its limits fit, and who has it.</summary>
internal static class CacheChecks
{
    private static readonly string[] Network = ["nfs", "nfs4", "cifs", "smb3", "ceph", "glusterfs", "9p", "virtiofs", "lustre"];

    public static async Task<IReadOnlyList<Finding>> RunAsync(ModelFsOptions options, IReadOnlyList<MountEntry> mounts, CancellationToken cancellation)
    {
        var findings = new List<Finding> { Writable(options.Cache) };
        findings.Add(FileSystem("cache filesystem", options.Cache, mounts, "keep the index local with --index DIR; complete files are then read through the daemon"));
        if (options.Index is { } index)
            findings.Add(FileSystem("index filesystem", index, mounts, "the index must lie on a local disk"));
        if (findings[0].Verdict != Verdict.Fail)
            findings.Add(Space(options));
        findings.Add(await HolderAsync(options, cancellation));
        return findings;
    }

    private static Finding Writable(string directory)
    {
        var existing = Existing(directory);
        var probe = Path.Combine(existing, $".modelfs-doctor-{Path.GetRandomFileName()}");
        try
        {
            File.WriteAllText(probe, "");
            File.Delete(probe);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return Finding.Fail("cache", $"{existing} cannot be written: {IoReason.Of(e, probe)}", "make it this user's, or give another with --cache DIR");
        }

        if (existing != directory)
            return Finding.Ok("cache", $"{directory} is not there yet, and can be made");
        return (File.GetUnixFileMode(directory) & (UnixFileMode.GroupRead | UnixFileMode.OtherRead)) == 0
            ? Finding.Ok("cache", $"{directory} can be written, and is its owner's alone")
            : Finding.Warn("cache", $"{directory} can be read by others, who then read what the registry would not show them", $"chmod 700 {directory}");
    }

    private static Finding FileSystem(string check, string directory, IReadOnlyList<MountEntry> mounts, string what)
    {
        var real = MountPoints.RealPath(Existing(directory));
        var type = mounts.Where(m => m.MountPoint == "/" || real == m.MountPoint || real.StartsWith(m.MountPoint + "/", StringComparison.Ordinal))
            .MaxBy(m => (m.MountPoint.Length, m.Id))?.FileSystemType ?? "unknown";
        return type == MountPoints.FileSystemType ? Finding.Fail(check, "it lies in a mount of modelfs", "a cache cannot lie in what it serves; give another with --cache DIR")
            : Network.Contains(type) || type.StartsWith("fuse", StringComparison.Ordinal) ? Finding.Warn(check, $"{type}, which a network or another program can hang", what)
            : BlockCache.PassthroughFilesystems.Contains(type) ? Finding.Ok(check, type)
            : Finding.Warn(check, $"{type}: complete files are read through the daemon there", "ext4, xfs and btrfs let the kernel read them itself");
    }

    private static Finding Space(ModelFsOptions options)
    {
        var drive = new DriveInfo(Existing(options.Cache));
        var (free, total) = (drive.AvailableFreeSpace, drive.TotalSize);
        var found = $"{ByteSize.Format(free)} free of {ByteSize.Format(total)}; cacheSize {ByteSize.Format(options.CacheSize)}, minFree {ByteSize.Format(options.MinFree)}";
        return free <= options.MinFree ? Finding.Fail("space", found, "nothing can be stored: free some space, or lower minFree")
            : options.CacheSize > total - options.MinFree ? Finding.Warn("space", found, "the disk ends before cacheSize does: minFree will be the limit")
            : Finding.Ok("space", found);
    }

    private static async Task<Finding> HolderAsync(ModelFsOptions options, CancellationToken cancellation)
    {
        try
        {
            await using var daemon = await DaemonStore.ConnectAsync(ControlSocket.Find(options.Cache), cancellation);
            if (daemon is null)
                return Finding.Ok("daemon", "none on this cache");
            var found = await daemon.GetDaemonAsync(cancellation);
            return Finding.Ok("daemon", $"process {found.Pid} serves {found.MountPoint} from this cache");
        }
        catch (CommandException e)
        {
            return Finding.Fail("daemon", e.Message, "ask as the user who runs it, or look into its log");
        }
    }

    private static string Existing(string directory)
    {
        while (!Directory.Exists(directory))
            directory = Path.GetDirectoryName(directory) ?? "/";
        return directory;
    }
}
