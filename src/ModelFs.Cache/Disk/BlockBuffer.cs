using System.Runtime.InteropServices;

namespace ModelFs.Cache.Disk;

/// <summary>Memory for one block. It never moves and begins at a page, so that the disk can take it from where it lies.</summary>
internal sealed class BlockBuffer
{
    /// <summary>What direct writes need of addresses, offsets and lengths: a page is enough for every disk.</summary>
    public const int Alignment = 4096;

    private readonly byte[] array = GC.AllocateUninitializedArray<byte>(CacheOptions.BlockSize + Alignment, pinned: true);
    private readonly int start;

    public BlockBuffer() => start = (int)(-Marshal.UnsafeAddrOfPinnedArrayElement(array, 0) & (Alignment - 1));

    public nint Address => Marshal.UnsafeAddrOfPinnedArrayElement(array, start);

    public Memory<byte> Memory => array.AsMemory(start, CacheOptions.BlockSize);

    public Span<byte> Span => array.AsSpan(start, CacheOptions.BlockSize);
}
