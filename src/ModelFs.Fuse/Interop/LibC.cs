using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace ModelFs.Fuse.Interop;

[StructLayout(LayoutKind.Sequential)]
internal unsafe struct IoVector
{
    public byte* Base;
    public nuint Length;
}

[StructLayout(LayoutKind.Sequential)]
internal struct PollDescriptor
{
    public int Descriptor;
    public short Events;
    public short Returned;
}

/// <summary>struct fuse_backing_map.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct BackingMap
{
    public int Descriptor;
    public uint Flags;
    public ulong Padding;
}

/// <summary>The C library, under its own names. Constants are those that x86-64 and arm64 share.</summary>
internal static unsafe partial class LibC
{
    public const int O_WRONLY = 1;
    public const int O_RDWR = 2;
    public const int O_CLOEXEC = 0x80000;
    public const int O_PATH = 0x200000;

    public const short POLLERR = 8;

    public const long FUSE_SUPER_MAGIC = 0x65735546;

    public const nuint FUSE_DEV_IOC_BACKING_OPEN = 0x4010e501;
    public const nuint FUSE_DEV_IOC_BACKING_CLOSE = 0x4004e502;

    private const string Library = "libc";

    [LibraryImport(Library, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial SafeFileHandle open(string path, int flags, uint mode);

    [LibraryImport(Library, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial SafeFileHandle openat(SafeFileHandle directory, string path, int flags, uint mode);

    [LibraryImport(Library, SetLastError = true)]
    public static partial nint read(SafeFileHandle file, ref byte buffer, nint count);

    [LibraryImport(Library, SetLastError = true)]
    public static partial nint write(SafeFileHandle file, in byte buffer, nint count);

    [LibraryImport(Library, SetLastError = true)]
    public static partial nint writev(SafeFileHandle file, IoVector* parts, int count);

    [LibraryImport(Library, SetLastError = true)]
    public static partial int ioctl(SafeFileHandle file, nuint request, in BackingMap argument);

    [LibraryImport(Library, SetLastError = true)]
    public static partial int ioctl(SafeFileHandle file, nuint request, in uint argument);

    [LibraryImport(Library, SetLastError = true)]
    public static partial int poll(ref PollDescriptor descriptors, nuint count, int milliseconds);

    /// <param name="buffer">Room for a <c>struct statfs</c>: 120 bytes on 64-bit Linux.</param>
    [LibraryImport(Library, SetLastError = true)]
    public static partial int fstatfs(SafeFileHandle file, ref byte buffer);

    [LibraryImport(Library, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int statfs(string path, ref byte buffer);

    [LibraryImport(Library, SetLastError = true)]
    public static partial nint getdents64(SafeFileHandle directory, ref byte buffer, nint size);

    /// <returns>Memory that <see cref="NativeMemory.Free"/> frees, or null.</returns>
    [LibraryImport(Library, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial byte* realpath(string path, byte* resolved);

    [LibraryImport(Library)]
    public static partial uint geteuid();

    [LibraryImport(Library)]
    public static partial uint getegid();
}
