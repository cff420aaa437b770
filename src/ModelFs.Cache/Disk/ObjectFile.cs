using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace ModelFs.Cache.Disk;

/// <summary>The open file of one object: its bytes at their own offsets, holes where blocks are missing.</summary>
internal interface IObjectFile : IDisposable
{
    /// <summary>2 MiB: larger writes cost a disk no less.</summary>
    const int MostBlocks = 8;

    /// <summary>Reads into the beginning of an array that the collector does not move, and leaves in the page cache only what somebody else brought in. Less than asked at the end of the file.</summary>
    /// <exception cref="IOException">The disk fails.</exception>
    int ReadOnce(byte[] pinned, int count, long offset);

    /// <summary>Finds a place for a range before it is written, for writes past the page cache. False where there are none, or no place is found: the write tells.</summary>
    bool TryAllocate(long offset, long count);

    /// <summary>Gives back the place of what was never written in a range, which reads as it did before. Nobody writes there meanwhile.</summary>
    /// <returns>Bytes.</returns>
    long GiveBack(long offset, long count);

    /// <summary>Writes what lies in some blocks, of which all but the last are full, and leaves none of it in the page cache.</summary>
    /// <param name="blocks">At most <see cref="MostBlocks"/>.</param>
    /// <param name="offset">Of a block.</param>
    /// <exception cref="IOException">The disk fails or is full.</exception>
    void Write(ReadOnlySpan<BlockBuffer> blocks, int count, long offset);

    /// <summary>
    /// Reads only if all of it is in the page cache, and leaves there what somebody else brought in. Never blocks and never allocates.
    /// </summary>
    bool TryReadCached(Span<byte> destination, long offset);

    /// <summary>Brings written data to the disk. 0, or the errno.</summary>
    int Sync();

    /// <summary>Notes which life of its object the file is of. A filesystem without attributes keeps none.</summary>
    /// <exception cref="IOException">The disk fails or is full.</exception>
    void SetGeneration(uint generation);

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

    /// <summary>The same file for writes that go past the page cache, opened for the first of them; null where there are none.</summary>
    private readonly Lazy<SafeFileHandle?> direct;
    private volatile bool refusesDirect;

    private ObjectFile(SafeFileHandle handle)
    {
        this.handle = handle;
        fd = (int)handle.DangerousGetHandle();
        behind = new WriteBehind(fd);
        direct = new Lazy<SafeFileHandle?>(OpenDirect);
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
            bool drops = dropsByItself; // As this call asked: another thread may learn meanwhile that the filesystem does not.
            nint n = Linux.preadv2(fd, ref vector, 1, offset + done, drops ? Linux.DontCache : 0);
            if (n == 0)
                break;
            if (n > 0)
                done += (int)n;
            else if (drops && Marshal.GetLastPInvokeError() == Linux.EOPNOTSUPP)
                dropsByItself = false;
            else if (Marshal.GetLastPInvokeError() != Linux.EINTR)
                throw Linux.Error("read");
        }

        if (!dropsByItself)
            Linux.DropPages(fd, offset, done);
        return done;
    }

    public bool TryAllocate(long offset, long count) => count >= BlockBuffer.Alignment && IsDirect && Linux.TryAllocate(fd, offset, count);

    public long GiveBack(long offset, long count)
    {
        // What the kernel has read ahead there would pass for data.
        Linux.DropPages(fd, offset, count);
        long end = offset + count, given = 0;
        for (long from = Linux.NextHole(fd, offset, end); from < end;)
        {
            long to = Linux.NextData(fd, from, end);
            if (to <= from || !Linux.TryPunch(fd, from, to - from))
                break;
            given += to - from;
            from = Linux.NextHole(fd, to, end);
        }

        return given;
    }

    /// <remarks>
    /// Whole pages go from where they lie to the disk; what is left at the end of the file goes through the page cache. ext4 lets direct
    /// writes into a file run side by side only where none of them allocates or moves the file's end.
    /// </remarks>
    public void Write(ReadOnlySpan<BlockBuffer> blocks, int count, long offset)
    {
        int pages = count / BlockBuffer.Alignment * BlockBuffer.Alignment;
        int done = 0;
        int cached = 0;
        while (done < count)
        {
            bool past = done < pages && IsDirect;
            bool drops = dropsByItself;
            nint n = past
                ? Write((int)direct.Value!.DangerousGetHandle(), 0, blocks, done, pages, offset)
                : Write(fd, drops ? Linux.DontCache : 0, blocks, done, count, offset);
            if (n > 0)
            {
                done += (int)n;
                cached += past ? 0 : (int)n;
                continue;
            }

            switch (n == 0 ? 0 : Marshal.GetLastPInvokeError())
            {
                case Linux.EINTR:
                    break;
                case Linux.EINVAL when past:
                    refusesDirect = true;
                    break;
                case Linux.EOPNOTSUPP when !past && drops:
                    dropsByItself = false;
                    break;
                default:
                    throw Linux.Error("write");
            }
        }

        if (cached > 0 && !dropsByItself)
            behind.Written(offset + count - cached, cached);
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

    public void SetGeneration(uint generation)
    {
        if (Linux.SetGeneration(fd, generation) is var errno and not (0 or Linux.EOPNOTSUPP))
            throw Linux.Error("setxattr", errno);
    }

    public FileStamp Stamp() => Linux.Stamp(fd);

    public void Dispose()
    {
        handle.Dispose();
        if (direct.IsValueCreated)
            direct.Value?.Dispose();
    }

    /// <summary>One write of what lies between two places in the blocks.</summary>
    private static nint Write(int fd, int flags, ReadOnlySpan<BlockBuffer> blocks, int from, int end, long offset)
    {
        Span<Linux.IoVector> vectors = stackalloc Linux.IoVector[IObjectFile.MostBlocks];
        int count = 0;
        for (int at = from; at < end; at += (int)vectors[count++].Length)
        {
            int within = at % CacheOptions.BlockSize;
            vectors[count] = new() { Base = blocks[at / CacheOptions.BlockSize].Address + within, Length = Math.Min(end - at, CacheOptions.BlockSize - within) };
        }

        return Linux.pwritev2(fd, ref vectors[0], count, offset + from, flags);
    }

    private bool IsDirect => !refusesDirect && direct.Value is not null;

    /// <summary>Not over a network: its server would be waited for with each write.</summary>
    private SafeFileHandle? OpenDirect() => Filesystem.Obstacle(Linux.PathOf(fd)) is null ? Linux.OpenDirect(fd) : null;

    private static SafeFileHandle Open(string path, FileMode mode) =>
        File.OpenHandle(path, mode, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);
}
