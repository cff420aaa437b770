using System.Runtime.InteropServices;
using ModelFs.Fuse.Interop;

namespace ModelFs.Fuse.Mounting;

internal static class MountPointPath
{
    /// <summary>What the kernel follows before it says ELOOP.</summary>
    private const int MostLinks = 40;

    /// <summary>The path as mountinfo has it: absolute and without symbolic links.</summary>
    /// <remarks>What is mounted there is not touched: a mount that hangs or is dead would block or fail whoever asks about it.</remarks>
    /// <exception cref="FuseMountException">It is a link that leads in a circle.</exception>
    public static string Resolve(string mountPoint)
    {
        IReadOnlyList<MountEntry> mounts = MountTable.Read();
        string path = mountPoint;
        for (int links = 0; links <= MostLinks; links++)
        {
            path = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
            if (Path.GetDirectoryName(path) is not { } parent)
                return path;

            // Only the last name can be the mount point itself, so that the directories before it are safe to follow.
            string directory = RealPath(parent) ?? parent;
            path = Path.Join(directory, Path.GetFileName(path));
            if (mounts.Any(mount => mount.MountPoint == path) || new FileInfo(path).LinkTarget is not { } target)
                return path;

            path = Path.Combine(directory, target);
        }

        throw new FuseMountException($"{mountPoint} is a symbolic link that leads in a circle");
    }

    private static unsafe string? RealPath(string path)
    {
        byte* resolved = LibC.realpath(path, null);
        if (resolved is null)
            return null;

        try
        {
            return Marshal.PtrToStringUTF8((nint)resolved);
        }
        finally
        {
            NativeMemory.Free(resolved);
        }
    }
}
