using ModelFs.Cache.Disk;

namespace ModelFs.Cache.Tests;

/// <summary>A disk with faults on purpose, around the real one.</summary>
internal sealed class FaultyDisk
{
    /// <summary>Called before each write; throws or waits.</summary>
    public Action? OnWrite { get; set; }

    /// <summary>Called before a place is looked for, with offset and count; false: there is none.</summary>
    public Func<long, long, bool>? OnAllocate { get; set; }

    /// <summary>Called before a place is given back, with offset and count.</summary>
    public Action<long, long>? OnGiveBack { get; set; }

    /// <summary>Called before each read; throws or waits.</summary>
    public Action? OnRead { get; set; }

    /// <summary>Called before each sync; waits.</summary>
    public Action? OnSync { get; set; }

    /// <summary>Called before a new file gets the number of its life; throws.</summary>
    public Action? OnSetGeneration { get; set; }

    public int SyncErrno { get; set; }

    public IObjectFile? Open(string path, bool create) => ObjectFile.Open(path, create) is { } file ? new FaultyFile(this, file) : null;

    private sealed class FaultyFile(FaultyDisk disk, IObjectFile file) : IObjectFile
    {
        public int ReadOnce(byte[] pinned, int count, long offset)
        {
            disk.OnRead?.Invoke();
            return file.ReadOnce(pinned, count, offset);
        }

        public bool TryAllocate(long offset, long count) => disk.OnAllocate?.Invoke(offset, count) != false && file.TryAllocate(offset, count);

        public long GiveBack(long offset, long count)
        {
            disk.OnGiveBack?.Invoke(offset, count);
            return file.GiveBack(offset, count);
        }

        public void Write(ReadOnlySpan<BlockBuffer> blocks, int count, long offset)
        {
            disk.OnWrite?.Invoke();
            file.Write(blocks, count, offset);
        }

        // A page cache that is always cold: every read goes to the disk.
        public bool TryReadCached(Span<byte> destination, long offset) => false;

        public int Sync()
        {
            disk.OnSync?.Invoke();
            return disk.SyncErrno != 0 ? disk.SyncErrno : file.Sync();
        }

        public void SetGeneration(uint generation)
        {
            disk.OnSetGeneration?.Invoke();
            file.SetGeneration(generation);
        }

        public FileStamp Stamp() => file.Stamp();

        public void Dispose() => file.Dispose();
    }
}
