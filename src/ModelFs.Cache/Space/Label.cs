using System.Buffers.Binary;
using System.Text;
using ModelFs.Cache.Disk;

namespace ModelFs.Cache.Space;

/// <summary>What people call an object: a registry and a path in it. An object that several versions share has several.</summary>
/// <param name="Hash">Of all of it.</param>
/// <remarks>In the file, on a grid of 8 bytes: length (4), CRC32C over what follows (4), key (16), owner, a zero byte, name.</remarks>
internal readonly record struct Label(ObjectKey Key, string Owner, string Name, ulong Hash)
{
    public const int Grid = 8;
    public const int MaxRecord = 64 * 1024;

    private const int HeaderSize = 8;
    private const int KeySize = 16;

    public string Path => $"{Owner}/{Name}";

    public static byte[] Encode(ObjectKey key, string owner, string name)
    {
        int length = KeySize + Encoding.UTF8.GetByteCount(owner) + 1 + Encoding.UTF8.GetByteCount(name);
        byte[] record = new byte[Padded(HeaderSize + length)];
        var body = record.AsSpan(HeaderSize, length);
        BinaryPrimitives.WriteUInt128LittleEndian(body, key.Value);
        int at = KeySize + Encoding.UTF8.GetBytes(owner, body[KeySize..]);
        Encoding.UTF8.GetBytes(name, body[(at + 1)..]);
        BinaryPrimitives.WriteInt32LittleEndian(record, length);
        BinaryPrimitives.WriteUInt32LittleEndian(record.AsSpan(4), BlockChecksum.Small(body));
        return record;
    }

    /// <summary>Bytes of the record on the grid, or 0 where there is none.</summary>
    public static int Decode(ReadOnlySpan<byte> record, out Label label)
    {
        label = default;
        if (record.Length < HeaderSize)
            return 0;
        int length = BinaryPrimitives.ReadInt32LittleEndian(record);
        if (length is <= KeySize or > MaxRecord || Padded(HeaderSize + length) > record.Length)
            return 0;
        var body = record.Slice(HeaderSize, length);
        int end = body[KeySize..].IndexOf((byte)0);
        if (end < 0 || BinaryPrimitives.ReadUInt32LittleEndian(record[4..]) != BlockChecksum.Small(body))
            return 0;
        int size = Padded(HeaderSize + length);
        label = new Label(
            new ObjectKey(BinaryPrimitives.ReadUInt128LittleEndian(body)),
            Encoding.UTF8.GetString(body.Slice(KeySize, end)),
            Encoding.UTF8.GetString(body[(KeySize + end + 1)..]),
            HashOf(record[..size]));
        return size;
    }

    public static ulong HashOf(ReadOnlySpan<byte> record) => BlockChecksum.Compute(record);

    public static int Padded(int length) => (length + Grid - 1) & ~(Grid - 1);

    public static long Padded(long length) => (length + Grid - 1) & ~(Grid - 1L);
}
