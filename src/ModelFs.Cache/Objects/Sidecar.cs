using System.Buffers.Binary;
using ModelFs.Cache.Disk;

namespace ModelFs.Cache.Objects;

/// <summary>What lies beside a sealed object: enough to trust it, block by block, when the index is lost.</summary>
/// <remarks>
/// Little endian: magic and version (8), key (16), size (8), 1 if the digest was given and matched (1), digest (32), a checksum a block
/// (8 each), and <see cref="BlockChecksum"/> over all that (8).
/// </remarks>
/// <param name="Digest">The SHA-256 that the whole hashed to, or empty when the registry gave none.</param>
internal sealed record Sidecar(ObjectKey Key, long Size, ReadOnlyMemory<byte> Digest, ulong[] Checksums)
{
    private const ulong Magic = 0x0001_4C4145535346_4Dul; // "MFSSEAL", version 1
    private const int HeaderSize = 8 + 16 + 8 + 1 + 32;

    public static string PathOf(string objectPath) => objectPath + ".seal";

    public long FileSize => HeaderSize + Checksums.Length * 8 + 8;

    public void Write(string objectPath)
    {
        byte[] bytes = new byte[FileSize];
        var span = bytes.AsSpan();
        BinaryPrimitives.WriteUInt64LittleEndian(span, Magic);
        BinaryPrimitives.WriteUInt128LittleEndian(span[8..], Key.Value);
        BinaryPrimitives.WriteInt64LittleEndian(span[24..], Size);
        span[32] = Digest.IsEmpty ? (byte)0 : (byte)1;
        Digest.Span.CopyTo(span[33..]);
        for (int i = 0; i < Checksums.Length; i++)
            BinaryPrimitives.WriteUInt64LittleEndian(span[(HeaderSize + i * 8)..], Checksums[i]);
        BinaryPrimitives.WriteUInt64LittleEndian(span[^8..], BlockChecksum.Compute(span[..^8]));
        DurableFile.Replace(PathOf(objectPath), bytes);
    }

    /// <summary>Null when there is none that can be believed.</summary>
    public static Sidecar? Read(string objectPath, ObjectKey key)
    {
        byte[] bytes;
        try
        {
            bytes = File.ReadAllBytes(PathOf(objectPath));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }

        var span = bytes.AsSpan();
        if (bytes.Length < HeaderSize + 8
            || BinaryPrimitives.ReadUInt64LittleEndian(span) != Magic
            || BinaryPrimitives.ReadUInt64LittleEndian(span[^8..]) != BlockChecksum.Compute(span[..^8])
            || BinaryPrimitives.ReadUInt128LittleEndian(span[8..]) != key.Value)
        {
            return null;
        }

        long size = BinaryPrimitives.ReadInt64LittleEndian(span[24..]);
        ulong[] checksums = new ulong[(bytes.Length - HeaderSize - 8) / 8];
        if (size < 0 || checksums.Length != BlockMap.BlocksOf(size))
            return null;
        for (int i = 0; i < checksums.Length; i++)
            checksums[i] = BinaryPrimitives.ReadUInt64LittleEndian(span[(HeaderSize + i * 8)..]);
        return new Sidecar(key, size, span[32] == 1 ? bytes.AsMemory(33, 32) : default, checksums);
    }
}
