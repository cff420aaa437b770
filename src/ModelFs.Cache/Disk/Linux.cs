using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace ModelFs.Cache.Disk;

/// <summary>The system calls that .NET has no face for. Blittable arguments only; the caller keeps the descriptor open.</summary>
internal static class Linux
{
    public const int ENOENT = 2;
    public const int EINTR = 4;
    public const int EIO = 5;
    public const int ENXIO = 6;
    public const int EINVAL = 22;
    public const int ENOSPC = 28;
    public const int ENODATA = 61;
    public const int EOPNOTSUPP = 95;

    private const int PagesNotNeeded = 4;

    /// <summary>preadv2: answer only what is in the page cache.</summary>
    public const int NoWait = 8;

    /// <summary>pwritev2, since Linux 6.14 and where the filesystem does it: written out at once, and not kept in the page cache.</summary>
    public const int DontCache = 0x80;

    private const int LockExclusive = 2;
    private const int LockNonBlocking = 4;
    private const int OpenDirectory = 0x10000 | 0x80000; // O_DIRECTORY | O_CLOEXEC
    private const int OpenWriting = 1 | 0x80000; // O_WRONLY | O_CLOEXEC
    private const int OpenLock = 2 | 0x40 | 0x80000; // O_RDWR | O_CREAT | O_CLOEXEC
    private const int ModeOfLock = 0x1A4; // 0644
    private const int AtWorkingDirectory = -100;
    private const int AtEmptyPath = 0x1000;
    private const uint StatxBasic = 0x7ff;
    private const string GenerationName = "user.modelfs.generation";

    [StructLayout(LayoutKind.Sequential)]
    public struct IoVector
    {
        public nint Base;
        public nint Length;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct StatxTime
    {
        public long Seconds;
        public uint Nanoseconds;
        public int Reserved;
    }

    [StructLayout(LayoutKind.Sequential, Size = 256)]
    private struct StatxBuffer
    {
        public uint Mask, BlockSize;
        public ulong Attributes;
        public uint Links, Uid, Gid;
        public ushort Mode, Spare;
        public ulong Inode, Size, Blocks, AttributesMask;
        public StatxTime Accessed, Born, Changed, Modified;
    }

    /// <summary>120 bytes on 64-bit Linux, of which only the first are of interest.</summary>
    [StructLayout(LayoutKind.Sequential, Size = 128)]
    private struct StatfsBuffer
    {
        public long Type;
    }

    [DllImport("libc", SetLastError = true)]
    public static extern nint preadv2(int fd, ref IoVector vectors, int count, long offset, int flags);

    [DllImport("libc", SetLastError = true)]
    public static extern nint pwritev2(int fd, ref IoVector vectors, int count, long offset, int flags);

    [DllImport("libc", SetLastError = true)]
    public static extern nint pread(int fd, nint buffer, nuint count, long offset);

    [DllImport("libc", SetLastError = true)]
    public static extern nint pwrite(int fd, nint buffer, nuint count, long offset);

    [DllImport("libc", SetLastError = true)]
    private static extern int fdatasync(int fd);

    [DllImport("libc", SetLastError = true)]
    private static extern int fsync(int fd);

    [DllImport("libc")]
    private static extern int fallocate(int fd, int mode, long offset, long count);

    [DllImport("libc", SetLastError = true)]
    private static extern long lseek(int fd, long offset, int whence);

    [DllImport("libc", SetLastError = true)]
    private static extern int sync_file_range(int fd, long offset, long count, uint flags);

    [DllImport("libc")]
    private static extern int posix_fadvise(int fd, long offset, long count, int advice);

    [DllImport("libc", SetLastError = true)]
    private static extern int flock(int fd, int operation);

    [DllImport("libc", SetLastError = true)]
    private static extern int open(ref byte path, int flags, int mode);

    [DllImport("libc")]
    private static extern int close(int fd);

    [DllImport("libc", SetLastError = true)]
    private static extern int statfs(ref byte path, ref StatfsBuffer buffer);

    [DllImport("libc", SetLastError = true)]
    private static extern int statx(int directory, ref byte path, int flags, uint mask, ref StatxBuffer buffer);

    [DllImport("libc", SetLastError = true)]
    private static extern int fsetxattr(int fd, ref byte name, ref uint value, nint size, int flags);

    [DllImport("libc", SetLastError = true)]
    private static extern nint getxattr(ref byte path, ref byte name, ref uint value, nint size);

    /// <summary>Notes a number in an attribute of a file. 0, or the errno.</summary>
    public static int SetGeneration(int fd, uint generation) =>
        fsetxattr(fd, ref Terminated(GenerationName)[0], ref generation, sizeof(uint), 0) == 0 ? 0 : Marshal.GetLastPInvokeError();

    /// <summary>What <see cref="SetGeneration"/> noted, or null where there is no file, or no attribute, or there are none here. False when the disk does not tell.</summary>
    public static bool TryReadGeneration(string path, out uint? generation)
    {
        uint value = 0;
        nint size = getxattr(ref Terminated(path)[0], ref Terminated(GenerationName)[0], ref value, sizeof(uint));
        generation = size == sizeof(uint) ? value : null;
        return generation is not null || (size < 0 && Marshal.GetLastPInvokeError() is ENOENT or ENODATA or EOPNOTSUPP);
    }

    /// <summary>Drops a file's clean pages from memory, so that the next read comes from the disk. Pages that somebody maps stay.</summary>
    public static void DropPages(int fd, long offset, long length) => _ = posix_fadvise(fd, offset, length, PagesNotNeeded);

    /// <summary>0, or the errno.</summary>
    public static int SyncData(int fd) => fdatasync(fd) == 0 ? 0 : Marshal.GetLastPInvokeError();

    /// <summary>Finds a place on the disk for a range, which reads as zeros until it is written. False when that fails, perhaps in the middle.</summary>
    public static bool TryAllocate(int fd, long offset, long count) => fallocate(fd, 0, offset, count) == 0;

    /// <summary>Gives the place of a range back; it reads as zeros. False when that fails.</summary>
    public static bool TryPunch(int fd, long offset, long count)
    {
        const int KeepSizePunchHole = 3;
        return fallocate(fd, KeepSizePunchHole, offset, count) == 0;
    }

    /// <summary>Where what was written begins, at or after an offset: the end of the range when nothing does before that, and its start when the disk does not tell.</summary>
    public static long NextData(int fd, long offset, long end)
    {
        const int SeekData = 3;
        long found = lseek(fd, offset, SeekData);
        return found >= 0 ? Math.Min(found, end) : Marshal.GetLastPInvokeError() == ENXIO ? end : offset;
    }

    /// <summary>Where what was never written begins, at or after an offset, or the end of the range: there too when the disk does not tell.</summary>
    public static long NextHole(int fd, long offset, long end)
    {
        const int SeekHole = 4;
        long found = lseek(fd, offset, SeekHole);
        return found >= 0 ? Math.Min(found, end) : Marshal.GetLastPInvokeError() == ENXIO ? offset : end;
    }

    /// <summary>Has the kernel begin to write a range out. 0, or the errno.</summary>
    public static int BeginWriteOut(int fd, long offset, long count)
    {
        const uint Write = 2;
        return sync_file_range(fd, offset, count, Write) == 0 ? 0 : Marshal.GetLastPInvokeError();
    }

    /// <summary>Waits until a range is written out, and drops its pages. 0, or the errno, which no later sync will tell again.</summary>
    public static int WriteOutAndDrop(int fd, long offset, long count)
    {
        const uint WaitWriteWait = 7;
        if (sync_file_range(fd, offset, count, WaitWriteWait) != 0)
            return Marshal.GetLastPInvokeError();
        DropPages(fd, offset, count);
        return 0;
    }

    /// <summary>Opens a file to be locked. .NET's own way takes a shared lock, which a holder's exclusive one refuses before anybody can read who that is.</summary>
    public static SafeFileHandle OpenLockFile(string path)
    {
        int fd = open(ref Terminated(path)[0], OpenLock, ModeOfLock);
        return fd >= 0 ? new SafeFileHandle(fd, ownsHandle: true) : throw Error($"open {path}");
    }

    /// <summary>A name under which an open file is found, whatever became of the one that it had.</summary>
    public static string PathOf(int fd) => $"/proc/self/fd/{fd}";

    /// <summary>Opens a file once more, for writes past the page cache. Null where the filesystem has none.</summary>
    public static SafeFileHandle? OpenDirect(int fd)
    {
        int pastCache = RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? 0x10000 : 0x4000;
        int opened = open(ref Terminated(PathOf(fd))[0], OpenWriting | pastCache, 0);
        return opened >= 0 ? new SafeFileHandle(opened, ownsHandle: true) : null;
    }

    public static bool TryLock(int fd) => flock(fd, LockExclusive | LockNonBlocking) == 0;

    /// <summary>Makes the names in a directory durable.</summary>
    public static void SyncDirectory(string path)
    {
        int fd = open(ref Terminated(path)[0], OpenDirectory, 0);
        if (fd < 0)
            throw Error($"open {path}");
        int result = fsync(fd);
        int errno = Marshal.GetLastPInvokeError();
        _ = close(fd);
        if (result != 0)
            throw Error($"fsync {path}", errno);
    }

    /// <summary>What tells whether somebody else changed a file since we last looked.</summary>
    public static FileStamp Stamp(int fd)
    {
        byte empty = 0;
        var buffer = default(StatxBuffer);
        return statx(fd, ref empty, AtEmptyPath, StatxBasic, ref buffer) == 0 ? Stamp(buffer) : throw Error("statx");
    }

    /// <summary>Null when there is no file.</summary>
    public static FileStamp? Stamp(string path)
    {
        var buffer = default(StatxBuffer);
        return statx(AtWorkingDirectory, ref Terminated(path)[0], 0, StatxBasic, ref buffer) == 0 ? Stamp(buffer) : null;
    }

    /// <summary>The magic number of the filesystem that a directory lies on; 0 when it cannot be asked.</summary>
    public static long FilesystemType(string directory)
    {
        var buffer = default(StatfsBuffer);
        return statfs(ref Terminated(directory)[0], ref buffer) == 0 ? buffer.Type : 0;
    }

    /// <summary>Bytes that a file takes on disk; 0 when there is none.</summary>
    public static long AllocatedBytes(string path) => Stamp(path)?.Allocated ?? 0;

    public static IOException Error(string what, int errno = -1)
    {
        errno = errno < 0 ? Marshal.GetLastPInvokeError() : errno;
        return new IOException($"{what}: {Marshal.GetPInvokeErrorMessage(errno)}", errno);
    }

    private static FileStamp Stamp(in StatxBuffer buffer) => new(
        (long)buffer.Size, (long)buffer.Inode, Ticks(buffer.Modified), Ticks(buffer.Changed), (long)buffer.Blocks * 512);

    private static long Ticks(StatxTime time) => time.Seconds * 1_000_000_000 + time.Nanoseconds;

    private static byte[] Terminated(string path) => Encoding.UTF8.GetBytes(path + '\0');
}

/// <param name="Modified">Nanoseconds since 1970.</param>
/// <param name="Changed">Nanoseconds since 1970.</param>
/// <param name="Allocated">Bytes on disk; no part of <see cref="SameContent"/>: delayed allocation moves it after the last write.</param>
internal readonly record struct FileStamp(long Size, long Inode, long Modified, long Changed, long Allocated)
{
    public bool SameContent(FileStamp other) =>
        Size == other.Size && Inode == other.Inode && Modified == other.Modified && Changed == other.Changed;
}
