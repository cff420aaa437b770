using ModelFs.Configuration;
using ModelFs.Control;

namespace ModelFs.Doctor;

/// <summary>Mounts whose daemon is gone, and whether a mount could be made where somebody wants one.</summary>
internal static class MountChecks
{
    public static async Task<IReadOnlyList<Finding>> RunAsync(ModelFsOptions options, string? mountPoint, CancellationToken cancellation)
    {
        var findings = new List<Finding>();
        var dead = await MountPoints.DeadAsync(cancellation);
        findings.AddRange(dead.Select(m => Finding.Fail("mount", $"{m} is dead: its daemon was killed", $"mount again, or modelfs umount {m}")));
        if (mountPoint is not null)
            findings.Add(Place(MountPoints.RealPath(mountPoint), MountPoints.RealPath(options.Cache)));
        return findings;
    }

    private static Finding Place(string mountPoint, string cache)
    {
        // What is mounted is not touched: it may hang.
        if (MountPoints.All().Contains(mountPoint))
            return Finding.Ok("mount point", $"{mountPoint} is mounted");
        if (MountPoints.Entanglement(mountPoint, cache) is { } entangled)
            return Finding.Fail("mount point", entangled, "mount elsewhere, or give another cache with --cache DIR");
        if (File.Exists(mountPoint))
            return Finding.Fail("mount point", $"{mountPoint} is a file", "mount on an empty directory");
        if (!Directory.Exists(mountPoint))
        {
            return Directory.Exists(Path.GetDirectoryName(mountPoint))
                ? Finding.Ok("mount point", $"{mountPoint} is not there yet, and its parent is")
                : Finding.Fail("mount point", $"{mountPoint} has no parent", $"mkdir -p {mountPoint}");
        }

        try
        {
            return Directory.EnumerateFileSystemEntries(mountPoint).Any()
                ? Finding.Fail("mount point", $"{mountPoint} is not empty", "mount on an empty directory")
                : Finding.Ok("mount point", $"{mountPoint} is an empty directory");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return Finding.Fail("mount point", $"{mountPoint} cannot be read: {IoReason.Of(e, mountPoint)}", "mount where this user may");
        }
    }
}
