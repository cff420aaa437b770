using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace ModelFs.Cache.Disk;

/// <summary>The open file of one object: its bytes at their own offsets, holes where blocks are missing.</summary>
internal interface IObjectFile : IDisposable
{
    /// <summary>Reads into the beginning of an array that the collector does not move, and leaves in the page cache only what somebody else brought in. Less than asked at the end of the file.</summary>
    /// <exception cref="IOException">The disk fails.</exception>
    int ReadOnce(byte[] pinned, int count, long offset);

    /// <summary>Writes the beginning of an array that the collector does not move, and leaves none of it in the page cache.</summary>
    /// <exception cref="IOException">The disk fails or is full.</exception>
    void Write(byte[] pinned, int count, long offset);

    /// <summary>
    /// Reads only if all of it is in the page cache, and leaves there what somebody else brought in. Never blocks and never allocates.
    /// </summary>
    bool TryReadCached(Span<byte> destination, long offset);

    /// <summary>Brings written data to the disk. 0, or the errno.</summary>
    int Sync();

    FileStamp Stamp();
}

internal sealed class ObjectFile : IObjectFile
{
    /// <summary>preadv2 wants an address that stays where it is, so the kernel copies here and we copy on; 128 KiB stay in the L2 cache.</summary>
    private const int Slice = 128 * 1024;

    [ThreadStatic]
    private static byte[]? slice;

    private readonly SafeFileHandle handle;
    private readonly WriteBehind behind;
    private readonly int fd;
    private volatile bool dropsByItself = true;

    private ObjectFile(SafeFileHandle handle)
    {
        this.handle = handle;
        fd = (int)handle.DangerousGetHandle();
        behind = new WriteBehind(fd);
    }

    /// <param name="create">Makes the file and its directory when missing; else the answer is null then.</param>
    public static IObjectFile? Open(string path, bool create)
    {
        try
        {
            return new ObjectFile(Open(path, create ? FileMode.OpenOrCreate : FileMode.Open));
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException && !create)
        {
            return null;
        }
        catch (DirectoryNotFoundException)
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            return new ObjectFile(Open(path, FileMode.OpenOrCreate));
        }
    }

    public int ReadOnce(byte[] pinned, int count, long offset)
    {
        int done = 0;
        while (done < count)
        {
            var vector = new Linux.IoVector { Base = Marshal.UnsafeAddrOfPinnedArrayElement(pinned, done), Length = count - done };
            nint n = Linux.preadv2(fd, ref vector, 1, offset + done, dropsByItself ? Linux.DontCache : 0);
            if (n == 0)
                break;
            if (n > 0)
                done += (int)n;
            else if (dropsByItself && Marshal.GetLastPInvokeError() == Linux.EOPNOTSUPP)
                dropsByItself = false;
            else if (Marshal.GetLastPInvokeError() != Linux.EINTR)
                throw Linux.Error("read");
        }

        if (!dropsByItself)
            Linux.DropPages(fd, offset, done);
        return done;
    }

    public void Write(byte[] pinned, int count, long offset)
    {
        int done = 0;
        while (done < count)
        {
            var vector = new Linux.IoVector { Base = Marshal.UnsafeAddrOfPinnedArrayElement(pinned, done), Length = count - done };
            nint n = Linux.pwritev2(fd, ref vector, 1, offset + done, dropsByItself ? Linux.DontCache : 0);
            if (n > 0)
                done += (int)n;
            else if (dropsByItself && Marshal.GetLastPInvokeError() == Linux.EOPNOTSUPP)
                dropsByItself = false;
            else if (n == 0 || Marshal.GetLastPInvokeError() != Linux.EINTR)
                throw Linux.Error("write");
        }

        if (!dropsByItself)
            behind.Written(offset, count);
    }

    public bool TryReadCached(Span<byte> destination, long offset)
    {
        byte[] pinned = slice ??= GC.AllocateUninitializedArray<byte>(Slice, pinned: true);
        int done = 0;
        while (done < destination.Length)
        {
            int wanted = Math.Min(Slice, destination.Length - done);
            var vector = new Linux.IoVector { Base = Marshal.UnsafeAddrOfPinnedArrayElement(pinned, 0), Length = wanted };
            nint n = Linux.preadv2(fd, ref vector, 1, offset + done, dropsByItself ? Linux.NoWait | Linux.DontCache : Linux.NoWait);
            if (n < 0 && dropsByItself && Marshal.GetLastPInvokeError() == Linux.EOPNOTSUPP)
            {
                dropsByItself = false;
                continue;
            }

            if (n != wanted)
                return false;
            pinned.AsSpan(0, wanted).CopyTo(destination[done..]);
            done += wanted;
        }

        if (!dropsByItself)
            Linux.DropPages(fd, offset, done);
        return true;
    }

    public int Sync() => Linux.SyncData(fd) is var errno and not 0 ? errno : behind.TakeErrno();

    public FileStamp Stamp() => Linux.Stamp(fd);

    public void Dispose() => handle.Dispose();

    private static SafeFileHandle Open(string path, FileMode mode) =>
        File.OpenHandle(path, mode, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);
}
