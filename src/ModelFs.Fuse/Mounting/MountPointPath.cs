using System.Runtime.InteropServices;
using ModelFs.Fuse.Interop;

namespace ModelFs.Fuse.Mounting;

internal static class MountPointPath
{
    /// <summary>The path as mountinfo has it: absolute and without symbolic links.</summary>
    /// <remarks>What is mounted there is not touched: a mount that hangs or is dead would block or fail whoever asks about it.</remarks>
    public static string Resolve(string mountPoint)
    {
        string path = Path.TrimEndingDirectorySeparator(Path.GetFullPath(mountPoint));
        string? parent = Path.GetDirectoryName(path);
        if (parent is null)
            return path;

        string direct = Path.Join(RealPath(parent) ?? parent, Path.GetFileName(path));
        if (MountTable.Read().Any(mount => mount.MountPoint == direct))
            return direct;

        // Nothing is mounted on this name itself, so that it is safe to follow: it may be a link to a mount point.
        return new FileInfo(direct).LinkTarget is { } target ? Resolve(Path.Combine(Path.GetDirectoryName(direct)!, target)) : direct;
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
