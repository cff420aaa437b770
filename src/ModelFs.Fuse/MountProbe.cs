using System.Runtime.InteropServices;
using ModelFs.Fuse.Interop;

namespace ModelFs.Fuse;

public enum MountState
{
    /// <summary>A request went to the daemon and back.</summary>
    Answers,

    /// <summary>The connection has ended.</summary>
    Dead,

    /// <summary>Nothing of FUSE is mounted there.</summary>
    Gone,
}

/// <summary>Asks a mount what only its daemon can answer.</summary>
/// <remarks>
/// Never from within that daemon, on any thread: killed while it waits for its own mount, a process stays for ever. The connection
/// ends when the last descriptor of <c>/dev/fuse</c> is closed, and that is when the last thread ends, which waits for the connection.
/// </remarks>
public static class MountProbe
{
    /// <summary>Blocks for as long as the daemon takes.</summary>
    public static MountState Ask(string mountPoint)
    {
        Span<byte> statistics = stackalloc byte[256];
        if (LibC.statfs(mountPoint, ref MemoryMarshal.GetReference(statistics)) != 0)
            return (Errno)Marshal.GetLastPInvokeError() is Errno.ENOENT or Errno.ENOTDIR ? MountState.Gone : MountState.Dead;
        return MemoryMarshal.Read<long>(statistics) == LibC.FUSE_SUPER_MAGIC ? MountState.Answers : MountState.Gone;
    }
}
