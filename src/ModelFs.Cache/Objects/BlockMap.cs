using ModelFs.Cache.Index;

namespace ModelFs.Cache.Objects;

internal enum BlockState : byte
{
    Missing,

    /// <summary>On disk, says the index; nobody has compared it with its checksum since the object was loaded.</summary>
    Present,

    /// <summary>Written, and dropped from memory: until the disk has confirmed it, each read compares it with its checksum.</summary>
    Written,

    /// <summary>On disk, confirmed or verified while the object was loaded.</summary>
    Verified,
}

/// <summary>The view in memory of one object's blocks. Written under the object's lock; <see cref="IsVerified"/> may be asked without.</summary>
internal sealed class BlockMap
{
    private const int BlockSize = CacheOptions.BlockSize;

    /// <summary>1 GiB of the file, in 36 KiB of memory once any of it is there.</summary>
    private const int PageBlocks = 4096;

    private volatile Page[] pages = [];
    private long size = -1;

    /// <summary>-1 while unknown.</summary>
    public long Size => Volatile.Read(ref size);

    public int Count => Size < 0 ? int.MaxValue : BlocksOf(Size);

    public int PresentCount { get; private set; }

    public bool IsComplete => Size >= 0 && PresentCount == Count;

    public static int BlocksOf(long size) => (int)((size + BlockSize - 1) / BlockSize);

    public int LengthOf(int block) => Size < 0 ? BlockSize : (int)Math.Min(BlockSize, Size - (long)block * BlockSize);

    public BlockState this[int block]
    {
        get
        {
            var current = pages;
            if (block / PageBlocks >= current.Length)
                return BlockState.Missing;
            var states = Volatile.Read(ref current[block / PageBlocks]).States;
            return block % PageBlocks < states.Length ? states[block % PageBlocks] : BlockState.Missing;
        }
    }

    /// <summary>Of a block that is not missing.</summary>
    public ulong ChecksumOf(int block) => pages[block / PageBlocks].Checksums[block % PageBlocks];

    public long CachedBytes
    {
        get
        {
            if (Size < 0 || PresentCount == 0)
                return (long)PresentCount * BlockSize;
            bool hasLast = this[Count - 1] != BlockState.Missing;
            return (long)PresentCount * BlockSize - (hasLast ? (long)Count * BlockSize - Size : 0);
        }
    }

    public IndexedObject Snapshot(ObjectRecord record)
    {
        int count = Size < 0 ? 0 : Count;
        bool[] present = new bool[count];
        ulong[] sums = new ulong[count];
        for (int i = 0; i < count; i++)
        {
            present[i] = this[i] != BlockState.Missing;
            sums[i] = present[i] ? ChecksumOf(i) : 0;
        }

        return new IndexedObject(record, present, sums);
    }

    public bool IsVerified(int first, int last)
    {
        for (int i = first; i <= last; i++)
        {
            if (this[i] != BlockState.Verified)
                return false;
        }

        return true;
    }

    public void SetSize(long value) => Volatile.Write(ref size, value);

    public void Set(int block, BlockState state, ulong checksum)
    {
        var page = Reserve(block);
        ref var known = ref page.States[block % PageBlocks];
        if (known == BlockState.Missing && state != BlockState.Missing)
            PresentCount++;
        if (known != BlockState.Missing && state == BlockState.Missing)
            PresentCount--;
        page.Checksums[block % PageBlocks] = checksum;
        known = state;
    }

    /// <summary>What was verified has to be verified anew: somebody touched the file.</summary>
    public void Distrust()
    {
        foreach (var page in pages)
        {
            foreach (ref var state in page.States.AsSpan())
            {
                if (state is BlockState.Verified or BlockState.Written)
                    state = BlockState.Present;
            }
        }
    }

    /// <summary>What was here when the object was loaded has been verified.</summary>
    public void Trust()
    {
        foreach (var page in pages)
        {
            foreach (ref var state in page.States.AsSpan())
            {
                if (state is BlockState.Present)
                    state = BlockState.Verified;
            }
        }
    }

    /// <summary>Of a complete object.</summary>
    public ulong[] Checksums()
    {
        var all = new ulong[Count];
        for (int i = 0; i < all.Length; i++)
            all[i] = ChecksumOf(i);
        return all;
    }

    /// <summary>Grows with what is there, not with the size that a registry claims.</summary>
    private Page Reserve(int block)
    {
        var current = pages;
        int number = block / PageBlocks;
        if (number >= current.Length)
        {
            int count = (int)Math.Min(Math.Max(number + 1, current.Length * 2L), ((long)Count + PageBlocks - 1) / PageBlocks);
            var grown = new Page[count];
            Array.Fill(grown, Page.Empty);
            current.CopyTo(grown, 0);
            pages = current = grown;
        }

        var page = current[number];
        int within = block % PageBlocks;
        if (within < page.States.Length)
            return page;
        int most = (int)Math.Min(PageBlocks, Count - (long)number * PageBlocks);
        page = page.Grown(Math.Min(Math.Max(within + 1, page.States.Length * 2), most));
        // Whoever looks without the lock sees all of it, or what was there before.
        Volatile.Write(ref current[number], page);
        return page;
    }

    private sealed record Page(BlockState[] States, ulong[] Checksums)
    {
        public static Page Empty { get; } = new([], []);

        public Page Grown(int length)
        {
            var (states, checksums) = (new BlockState[length], new ulong[length]);
            States.CopyTo(states, 0);
            Checksums.CopyTo(checksums, 0);
            return new Page(states, checksums);
        }
    }
}
