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

    private volatile BlockState[] states = [];
    private ulong[] checksums = [];
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
            var current = states;
            return block < current.Length ? current[block] : BlockState.Missing;
        }
    }

    public ulong ChecksumOf(int block) => checksums[block];

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
            sums[i] = present[i] ? checksums[i] : 0;
        }

        return new IndexedObject(record, present, sums);
    }

    public bool IsVerified(int first, int last)
    {
        var current = states;
        if (last >= current.Length)
            return false;
        for (int i = first; i <= last; i++)
        {
            if (current[i] != BlockState.Verified)
                return false;
        }

        return true;
    }

    public void SetSize(long value) => Volatile.Write(ref size, value);

    public void Set(int block, BlockState state, ulong checksum)
    {
        Reserve(block + 1);
        if (states[block] == BlockState.Missing && state != BlockState.Missing)
            PresentCount++;
        if (states[block] != BlockState.Missing && state == BlockState.Missing)
            PresentCount--;
        checksums[block] = checksum;
        states[block] = state;
    }

    /// <summary>What was verified has to be verified anew: somebody touched the file.</summary>
    public void Distrust()
    {
        for (int i = 0; i < states.Length; i++)
        {
            if (states[i] is BlockState.Verified or BlockState.Written)
                states[i] = BlockState.Present;
        }
    }

    /// <summary>What was here when the object was loaded has been verified.</summary>
    public void Trust()
    {
        for (int i = 0; i < states.Length; i++)
        {
            if (states[i] is BlockState.Present)
                states[i] = BlockState.Verified;
        }
    }

    public ulong[] Checksums() => checksums.AsSpan(0, Count).ToArray();

    /// <summary>Grows with what is there, not with the size that a registry claims.</summary>
    private void Reserve(int count)
    {
        if (count <= states.Length)
            return;
        int capacity = Math.Min(Math.Max(count, states.Length * 2), Count);
        Array.Resize(ref checksums, capacity);
        var grown = new BlockState[capacity];
        states.CopyTo(grown, 0);
        states = grown;
    }
}
