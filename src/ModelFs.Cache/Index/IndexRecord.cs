using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using FASTER.core;
using ModelFs.Cache.Disk;

namespace ModelFs.Cache.Index;

internal enum IndexKind : uint
{
    Object = 0,
    Block = 1,
}

/// <summary>24 bytes: which object, and which of its records.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct IndexKey : IFasterEqualityComparer<IndexKey>
{
    public ulong High;
    public ulong Low;
    public uint Number;
    public IndexKind Kind;

    public IndexKey(ObjectKey key, IndexKind kind, int number = 0)
    {
        High = (ulong)(key.Value >> 64);
        Low = (ulong)key.Value;
        Number = (uint)number;
        Kind = kind;
    }

    public readonly ObjectKey Object => new(new UInt128(High, Low));

    /// <summary>The key's bits come from a SHA-256, so spreading them needs no more than a multiplication.</summary>
    public readonly long GetHashCode64(ref IndexKey k) =>
        (long)((k.High ^ (k.Low + ((ulong)k.Kind << 32) + k.Number)) * 0x9E3779B97F4A7C15ul);

    public readonly bool Equals(ref IndexKey a, ref IndexKey b) => a.High == b.High && a.Low == b.Low && a.Number == b.Number && a.Kind == b.Kind;
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

/// <summary>24 bytes. With FASTER's header of 8 and the key, a record takes 56: 1 TB of blocks is 235 MB of index.</summary>
/// <remarks>
/// A block's record counts only while its generation is that of its object's record, so one deletion makes all blocks of an object absent.
/// The layout is version 1 of <see cref="IndexManifest"/>; a new one needs a new version there.
/// </remarks>
[StructLayout(LayoutKind.Sequential)]
internal struct IndexValue
{
    /// <summary>A block's checksum, or an object's size.</summary>
    public ulong Payload;

    public uint Generation;

    /// <summary>Objects: minutes since 1970.</summary>
    public uint LastUse;

    /// <summary>Objects: <see cref="ObjectFlags"/>.</summary>
    public uint Flags;

    /// <summary>CRC32C over key and value, so that what a damaged page holds reads as absent.</summary>
    public uint Check;

    public readonly bool IsIntact(in IndexKey key) => Check == ComputeCheck(key, this);

    public static IndexValue ForBlock(in IndexKey key, uint generation, ulong checksum) =>
        Stamped(key, new IndexValue { Payload = checksum, Generation = generation });

    public static IndexValue ForObject(in IndexKey key, in ObjectRecord record) =>
        Stamped(key, new IndexValue { Payload = (ulong)record.Size, Generation = record.Generation, LastUse = record.LastUse, Flags = (uint)record.Flags });

    public readonly ObjectRecord ToObject() => new((long)Payload, Generation, LastUse, (ObjectFlags)Flags);

    private static IndexValue Stamped(in IndexKey key, IndexValue value)
    {
        value.Check = ComputeCheck(key, value);
        return value;
    }

    private static uint ComputeCheck(in IndexKey key, IndexValue value)
    {
        value.Check = 0;
        Span<byte> bytes = stackalloc byte[Unsafe.SizeOf<IndexKey>() + Unsafe.SizeOf<IndexValue>()];
        MemoryMarshal.Write(bytes, key);
        MemoryMarshal.Write(bytes[Unsafe.SizeOf<IndexKey>()..], value);
        return BlockChecksum.Small(bytes);
    }
}

/// <param name="LastUse">Minutes since 1970.</param>
internal readonly record struct ObjectRecord(long Size, uint Generation, uint LastUse, ObjectFlags Flags);

/// <summary>All that the index knows of an object. <see cref="Present"/> and <see cref="Checksums"/> have an element a block.</summary>
internal sealed record IndexedObject(ObjectRecord Record, bool[] Present, ulong[] Checksums);
