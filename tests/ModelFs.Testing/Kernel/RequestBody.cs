using System.Buffers.Binary;
using System.Text;

namespace ModelFs.Testing.Kernel;

/// <summary>Writes the fields of a request one after the other, little-endian and without padding of its own.</summary>
public sealed class RequestBody
{
    private readonly MemoryStream stream = new();

    public RequestBody U32(uint value)
    {
        Span<byte> bytes = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, value);
        stream.Write(bytes);
        return this;
    }

    public RequestBody U64(ulong value)
    {
        Span<byte> bytes = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, value);
        stream.Write(bytes);
        return this;
    }

    public RequestBody Bytes(ReadOnlySpan<byte> bytes)
    {
        stream.Write(bytes);
        return this;
    }

    /// <summary>A name with its terminator.</summary>
    public RequestBody Name(string name) => Bytes(Encoding.UTF8.GetBytes(name)).Bytes([0]);

    public byte[] ToArray() => stream.ToArray();
}
