using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using FASTER.core;
using ModelFs.Cache.Disk;

namespace ModelFs.Cache.Index;

/// <summary>24 bytes: which object, and which of its groups of blocks.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct IndexKey : IFasterEqualityComparer<IndexKey>
{
    public ulong High;
    public ulong Low;
    public uint Group;
    public uint Reserved;

    public IndexKey(ObjectKey key, int group = 0)
    {
        High = (ulong)(key.Value >> 64);
        Low = (ulong)key.Value;
        Group = (uint)group;
    }

    public readonly ObjectKey Object => new(new UInt128(High, Low));

    /// <summary>The key's bits come from a SHA-256, so spreading them needs no more than a multiplication.</summary>
    public readonly long GetHashCode64(ref IndexKey k) => (long)((k.High ^ (k.Low + k.Group)) * 0x9E3779B97F4A7C15ul);

    public readonly bool Equals(ref IndexKey a, ref IndexKey b) => a.High == b.High && a.Low == b.Low && a.Group == b.Group;
}

[Flags]
internal enum ObjectFlags : uint
{
    None = 0,

    /// <summary>All blocks are there, each checksum was right, and the sidecar is on disk.</summary>
    Sealed = 1,

    /// <summary>The whole was hashed and is what the registry said.</summary>
    DigestMatched = 2,
}

/// <summary>160 bytes: sixteen blocks in a row; the first group of an object says what the object is, too.</summary>
/// <remarks>
/// With FASTER's header of 8 and the key, a record takes 192: 1 TB of blocks is 46 MB of index, and 2 MB of hash table. A record a block would
/// be five times that on disk and sixteen times in memory; larger groups would make the many files of one block dear. A group counts only
/// while its generation is that of its object's first group, so one deletion makes all blocks of an object absent.
/// The layout is version 2 of <see cref="IndexManifest"/>; a new one needs a new version there.
/// </remarks>
[StructLayout(LayoutKind.Sequential)]
internal struct IndexValue
{
    public const int Blocks = 16;

    /// <summary>The object's, in bytes. Like what follows up to its flags, 0 in all groups but the first.</summary>
    public long Size;

    /// <summary>Minutes since 1970.</summary>
    public uint LastUse;

    /// <summary><see cref="ObjectFlags"/>.</summary>
    public uint Flags;

    public uint Generation;

    /// <summary>A bit a block.</summary>
    public uint Present;

    public GroupChecksums Checksums;

    /// <summary>Over key and value, so that what a damaged page holds reads as absent.</summary>
    public ulong Check;

    public readonly bool Has(int block) => (Present & (1u << block)) != 0;

    public void Set(int block, ulong checksum)
    {
        Present |= 1u << block;
        Checksums[block] = checksum;
    }

    public void Clear(int block)
    {
        Present &= ~(1u << block);
        Checksums[block] = 0;
    }

    public void Describe(in ObjectRecord record) => (Size, Generation, LastUse, Flags) = (record.Size, record.Generation, record.LastUse, (uint)record.Flags);

    public readonly ObjectRecord ToObject() => new(Size, Generation, LastUse, (ObjectFlags)Flags);

    public void Stamp(in IndexKey key) => Check = ComputeCheck(key, this);

    public readonly bool IsIntact(in IndexKey key) => Check == ComputeCheck(key, this) && Size >= 0;

    private static ulong ComputeCheck(in IndexKey key, IndexValue value)
    {
        value.Check = 0;
        Span<byte> bytes = stackalloc byte[Unsafe.SizeOf<IndexKey>() + Unsafe.SizeOf<IndexValue>()];
        MemoryMarshal.Write(bytes, key);
        MemoryMarshal.Write(bytes[Unsafe.SizeOf<IndexKey>()..], value);
        return BlockChecksum.Compute(bytes);
    }
}

[InlineArray(IndexValue.Blocks)]
internal struct GroupChecksums
{
    private ulong first;
}

/// <param name="LastUse">Minutes since 1970.</param>
internal readonly record struct ObjectRecord(long Size, uint Generation, uint LastUse, ObjectFlags Flags);

/// <summary>All that the index knows of an object. <see cref="Present"/> and <see cref="Checksums"/> have an element a block.</summary>
internal sealed record IndexedObject(ObjectRecord Record, bool[] Present, ulong[] Checksums);
