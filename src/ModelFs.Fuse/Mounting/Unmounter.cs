using System.Runtime.InteropServices;
using ModelFs.Fuse.Interop;

namespace ModelFs.Fuse.Mounting;

internal static class Unmounter
{
    /// <summary>Takes the topmost mount off the path; what is open on it stays usable until it is closed.</summary>
    /// <exception cref="FuseMountException"/>
    public static void Detach(string path)
    {
        if (LibC.umount2(path, LibC.MNT_DETACH | LibC.UMOUNT_NOFOLLOW) == 0)
            return;

        var error = (Errno)Marshal.GetLastPInvokeError();
        if (error != Errno.EPERM)
            throw new FuseMountException($"{path} could not be unmounted: {error}");

        Fusermount.Unmount(path);
    }
}
