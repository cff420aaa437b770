using System.Buffers.Binary;
using ModelFs.Cache.Disk;
using ModelFs.Cache.Space;

namespace ModelFs.Cache.Objects;

/// <summary>What lies beside a sealed object: enough to trust it, block by block, when the index is lost.</summary>
/// <remarks>
/// Little endian: magic and version (8), key (16), size (8), 1 if the digest was given and matched (1), digest (32), the object file's
/// inode, mtime and ctime and the epoch (8 each; not in version 1), a checksum a block (8 each), and <see cref="BlockChecksum"/> over all that (8).
/// </remarks>
/// <param name="Digest">The SHA-256 that the whole hashed to, or empty when the registry gave none.</param>
/// <param name="File">What the object's file was like when each of its blocks was right; times in nanoseconds since 1970.</param>
/// <param name="Epoch">The <see cref="Disk.Epoch"/> in which that was; 0 in sidecars of version 1.</param>
internal sealed record Sidecar(ObjectKey Key, long Size, ReadOnlyMemory<byte> Digest, ulong[] Checksums, FileStamp File, ulong Epoch)
{
    private const ulong Magic = 0x0002_4C4145535346_4Dul; // "MFSSEAL", version 2
    private const ulong FirstMagic = 0x0001_4C4145535346_4Dul;
    private const int FirstHeaderSize = 8 + 16 + 8 + 1 + 32;
    private const int HeaderSize = FirstHeaderSize + 4 * 8;

    public static string PathOf(string objectPath) => objectPath + ".seal";

    public long FileSize => HeaderSize + Checksums.Length * 8 + 8;

    /// <summary>Says beside an object's file that all of it is right, as it is now. False when a block was dropped meanwhile, or is not confirmed by the disk yet.</summary>
    /// <exception cref="IOException">The disk fails or is full.</exception>
    public static bool TryWrite(CachedObject owner)
    {
        var (resources, disk) = (owner.Resources, owner.Disk);
        if (disk.ConfirmedChecksums() is not { } checksums)
            return false;
        string path = resources.Paths.Of(owner.Key);
        new Sidecar(owner.Key, owner.Size, owner.Descriptor.Sha256, checksums, disk.Untouched, resources.Epoch.Value).Write(path);
        long bytes = disk.File!.Stamp().Allocated + Linux.AllocatedBytes(PathOf(path));
        resources.Catalog.Set(owner.Key, new Catalog.Entry(bytes, owner.LastUse, owner.Generation, true, owner.Account));
        return true;
    }

    public void Write(string objectPath)
    {
        byte[] bytes = new byte[FileSize];
        var span = bytes.AsSpan();
        BinaryPrimitives.WriteUInt64LittleEndian(span, Magic);
        BinaryPrimitives.WriteUInt128LittleEndian(span[8..], Key.Value);
        BinaryPrimitives.WriteInt64LittleEndian(span[24..], Size);
        span[32] = Digest.IsEmpty ? (byte)0 : (byte)1;
        Digest.Span.CopyTo(span[33..]);
        BinaryPrimitives.WriteInt64LittleEndian(span[FirstHeaderSize..], File.Inode);
        BinaryPrimitives.WriteInt64LittleEndian(span[(FirstHeaderSize + 8)..], File.Modified);
        BinaryPrimitives.WriteInt64LittleEndian(span[(FirstHeaderSize + 16)..], File.Changed);
        BinaryPrimitives.WriteUInt64LittleEndian(span[(FirstHeaderSize + 24)..], Epoch);
        for (int i = 0; i < Checksums.Length; i++)
            BinaryPrimitives.WriteUInt64LittleEndian(span[(HeaderSize + i * 8)..], Checksums[i]);
        BinaryPrimitives.WriteUInt64LittleEndian(span[^8..], BlockChecksum.Compute(span[..^8]));
        // By rename, and without a wait for the disk: one that a power cut damages has no right checksum, and costs no more than none at all.
        string temporary = PathOf(objectPath) + ".tmp";
        System.IO.File.WriteAllBytes(temporary, bytes);
        System.IO.File.Move(temporary, PathOf(objectPath), overwrite: true);
    }

    /// <summary>Null when there is none that can be believed.</summary>
    public static Sidecar? Read(string objectPath, ObjectKey key)
    {
        byte[] bytes;
        try
        {
            bytes = System.IO.File.ReadAllBytes(PathOf(objectPath));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }

        var span = bytes.AsSpan();
        ulong magic = bytes.Length < FirstHeaderSize + 8 ? 0 : BinaryPrimitives.ReadUInt64LittleEndian(span);
        int headerSize = magic == FirstMagic ? FirstHeaderSize : HeaderSize;
        if (magic is not (Magic or FirstMagic)
            || bytes.Length < headerSize + 8
            || BinaryPrimitives.ReadUInt64LittleEndian(span[^8..]) != BlockChecksum.Compute(span[..^8])
            || BinaryPrimitives.ReadUInt128LittleEndian(span[8..]) != key.Value)
        {
            return null;
        }

        long size = BinaryPrimitives.ReadInt64LittleEndian(span[24..]);
        ulong[] checksums = new ulong[(bytes.Length - headerSize - 8) / 8];
        if (size < 0 || checksums.Length != BlockMap.BlocksOf(size))
            return null;
        for (int i = 0; i < checksums.Length; i++)
            checksums[i] = BinaryPrimitives.ReadUInt64LittleEndian(span[(headerSize + i * 8)..]);
        var digest = span[32] == 1 ? bytes.AsMemory(33, 32) : default;
        if (magic == FirstMagic)
            return new Sidecar(key, size, digest, checksums, default, 0);
        var file = new FileStamp(
            size,
            BinaryPrimitives.ReadInt64LittleEndian(span[FirstHeaderSize..]),
            BinaryPrimitives.ReadInt64LittleEndian(span[(FirstHeaderSize + 8)..]),
            BinaryPrimitives.ReadInt64LittleEndian(span[(FirstHeaderSize + 16)..]),
            0);
        return new Sidecar(key, size, digest, checksums, file, BinaryPrimitives.ReadUInt64LittleEndian(span[(FirstHeaderSize + 24)..]));
    }

    /// <summary>Whether the file is as it was when each block was right, and no daemon has crashed since.</summary>
    public bool Vouches(FileStamp now, ulong epoch) => Epoch == epoch && File.SameContent(now);
}
