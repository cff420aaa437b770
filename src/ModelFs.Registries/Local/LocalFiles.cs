using System.IO.Enumeration;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace ModelFs.Registries.Local;

/// <summary>
/// Opens files beneath a directory so that the kernel itself refuses to leave it: no <c>..</c> past the root, no symbolic link, no
/// magic link, however the tree is changed meanwhile. openat2 has been there since Linux 5.6.
/// </summary>
internal static class LocalFiles
{
    private const int ENOENT = 2;
    private const int EINTR = 4;
    private const int ENXIO = 6;
    private const int EAGAIN = 11;
    private const int EACCES = 13;
    private const int EXDEV = 18;
    private const int ENOTDIR = 20;
    private const int ELOOP = 40;

    // The same on x86-64, arm64, riscv64 and loongarch64, but for the two that arm64 swaps.
    private const int ORdonly = 0;
    private const int ONonblock = 0x800;
    private const int OCloexec = 0x80000;
    private static readonly int ODirectory = RuntimeInformation.ProcessArchitecture is Architecture.Arm64 ? 0x4000 : 0x10000;

    private const ulong ResolveNoMagiclinks = 0x02;
    private const ulong ResolveNoSymlinks = 0x04;
    private const ulong ResolveBeneath = 0x08;
    private const nint SysOpenat2 = 437;

    /// <summary>Opens a directory that the configuration names; it may be reached through links.</summary>
    public static RegistryResult<SafeFileHandle> OpenRoot(string path)
    {
        var fd = Open(Terminated(Path.GetFullPath(path)), ORdonly | ODirectory | OCloexec, 0);
        return fd >= 0 ? new SafeFileHandle(fd, ownsHandle: true) : Refused(path, Marshal.GetLastPInvokeError());
    }

    /// <summary>Opens what lies at a relative path beneath <paramref name="root"/>; an empty path is the root itself.</summary>
    /// <returns>A pipe or a device is opened without waiting; what it is shows when its length is asked for.</returns>
    public static RegistryResult<SafeFileHandle> OpenBeneath(SafeFileHandle root, string path, bool directory)
    {
        var how = new OpenHow
        {
            Flags = (ulong)(ORdonly | OCloexec | ONonblock | (directory ? ODirectory : 0)),
            Resolve = ResolveBeneath | ResolveNoSymlinks | ResolveNoMagiclinks,
        };
        var name = Terminated(path.Length == 0 ? "." : path);
        var added = false;
        try
        {
            root.DangerousAddRef(ref added);
            while (true)
            {
                var fd = Syscall(SysOpenat2, root.DangerousGetHandle(), name, ref how, Marshal.SizeOf<OpenHow>());
                if (fd >= 0) return new SafeFileHandle(fd, ownsHandle: true);
                var errno = Marshal.GetLastPInvokeError();
                // The kernel asks for another try when a rename raced with a "..".
                if (errno is not (EAGAIN or EINTR)) return Refused(path, errno);
            }
        }
        finally
        {
            if (added) root.DangerousRelease();
        }
    }

    /// <summary>What lies in a directory; through the descriptor, so that what is listed is what was opened, whatever the path leads to by now.</summary>
    public static FileSystemEnumerable<(string Name, bool IsDirectory, bool IsLink)> Entries(SafeFileHandle directory) => new(
        $"/proc/self/fd/{directory.DangerousGetHandle()}",
        (ref FileSystemEntry entry) =>
            (entry.FileName.ToString(), entry.IsDirectory, entry.Attributes.HasFlag(FileAttributes.ReparsePoint)),
        new EnumerationOptions { AttributesToSkip = FileAttributes.None, IgnoreInaccessible = false });

    /// <returns>Null where it is no regular file.</returns>
    public static long? LengthOf(SafeFileHandle handle)
    {
        try
        {
            return RandomAccess.GetLength(handle);
        }
        catch (Exception e) when (e is NotSupportedException or IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>When it was last written to; null where its filesystem does not say, or says a year beyond 9999.</summary>
    public static DateTime? ModifiedOf(SafeFileHandle handle)
    {
        try
        {
            return File.GetLastWriteTimeUtc(handle);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentOutOfRangeException)
        {
            return null;
        }
    }

    private static RegistryError Refused(string path, int errno) => errno switch
    {
        ENOENT or ENOTDIR => new(RegistryErrorKind.NotFound, $"{Shown.Quoted(path)} does not exist."),
        ELOOP => new(RegistryErrorKind.Denied, $"{Shown.Quoted(path)} leads through a symbolic link, which is not followed."),
        EXDEV => new(RegistryErrorKind.Denied, $"{Shown.Quoted(path)} climbs out of its directory."),
        EACCES => new(RegistryErrorKind.Denied, $"{Shown.Quoted(path)} may not be read by this user."),
        ENXIO => new(RegistryErrorKind.Unsupported, $"{Shown.Quoted(path)} is a socket or a device."),
        _ => new(RegistryErrorKind.Unavailable, $"{Shown.Quoted(path)} cannot be opened: {Marshal.GetPInvokeErrorMessage(errno)}."),
    };

    private static byte[] Terminated(string path)
    {
        var bytes = new byte[Encoding.UTF8.GetByteCount(path) + 1];
        Encoding.UTF8.GetBytes(path, bytes);
        return bytes;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct OpenHow
    {
        public ulong Flags;
        public ulong Mode;
        public ulong Resolve;
    }

    [DllImport("libc", EntryPoint = "open", SetLastError = true)]
    private static extern int Open(byte[] path, int flags, uint mode);

    [DllImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static extern nint Syscall(nint number, nint directory, byte[] path, ref OpenHow how, nint size);
}
