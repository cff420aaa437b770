using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace ModelFs.Fuse.Interop;

/// <summary>Mounting and unmounting.</summary>
internal static unsafe partial class LibC
{
    public const nuint MS_RDONLY = 1;
    public const nuint MS_NOSUID = 2;
    public const nuint MS_NODEV = 4;
    public const nuint MS_NOATIME = 1024;

    public const int MNT_DETACH = 2;
    public const int UMOUNT_NOFOLLOW = 8;

    public const uint FSCONFIG_CMD_CREATE = 6;

    // The same numbers on every architecture; C libraries wrap them only since glibc 2.36.
    private const nint SYS_fsopen = 430;
    private const nint SYS_fsconfig = 431;
    private const nint SYS_fsmount = 432;

    [LibraryImport(Library, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int mount(string source, string target, string type, nuint flags, string data);

    [LibraryImport(Library, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int umount2(string target, int flags);

    public static SafeFileHandle fsopen(string type)
    {
        nint text = Marshal.StringToCoTaskMemUTF8(type);
        try
        {
            return new SafeFileHandle(syscall(SYS_fsopen, text, CloseOnExec, 0, 0, 0), ownsHandle: true);
        }
        finally
        {
            Marshal.FreeCoTaskMem(text);
        }
    }

    public static int fsconfig(SafeFileHandle context, uint command) =>
        (int)WithHandle(context, fd => syscall(SYS_fsconfig, fd, (nint)command, 0, 0, 0));

    /// <summary>A mount that is in no tree: only its descriptor leads to it.</summary>
    public static SafeFileHandle fsmount(SafeFileHandle context) =>
        new(WithHandle(context, fd => syscall(SYS_fsmount, fd, CloseOnExec, 0, 0, 0)), ownsHandle: true);

    /// <summary>FSOPEN_CLOEXEC and FSMOUNT_CLOEXEC.</summary>
    private const nint CloseOnExec = 1;

    private static nint WithHandle(SafeFileHandle handle, Func<nint, nint> call)
    {
        bool taken = false;
        handle.DangerousAddRef(ref taken);
        try
        {
            return call(handle.DangerousGetHandle());
        }
        finally
        {
            handle.DangerousRelease();
        }
    }

    [LibraryImport(Library, SetLastError = true)]
    private static partial nint syscall(nint number, nint first, nint second, nint third, nint fourth, nint fifth);
}
