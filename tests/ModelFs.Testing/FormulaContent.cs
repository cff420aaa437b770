using System.Buffers.Binary;
using System.Security.Cryptography;

namespace ModelFs.Testing;

/// <summary>The content of large test files, at any offset: little-endian words <c>w[i] = (i * 0x9E3779B97F4A7C15 + seed) mod 2^64</c>.
/// </summary>
public static class FormulaContent
{
    private const ulong Step = 0x9E3779B97F4A7C15;

    public static void Fill(Span<byte> buffer, long offset, ulong seed)
    {
        Span<byte> word = stackalloc byte[8];
        var index = (ulong)offset / 8;
        var skip = (int)(offset % 8);
        if (skip > 0)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(word, (index++ * Step) + seed);
            var count = Math.Min(8 - skip, buffer.Length);
            word.Slice(skip, count).CopyTo(buffer);
            buffer = buffer[count..];
        }

        var value = (index * Step) + seed;
        while (buffer.Length >= 8)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(buffer, value);
            buffer = buffer[8..];
            value += Step;
        }

        if (buffer.Length == 0) return;
        BinaryPrimitives.WriteUInt64LittleEndian(word, value);
        word[..buffer.Length].CopyTo(buffer);
    }

    public static byte[] Bytes(long offset, int count, ulong seed)
    {
        var bytes = new byte[count];
        Fill(bytes, offset, seed);
        return bytes;
    }

    public static string Sha256(long size, ulong seed)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = new byte[1 << 20];
        for (long offset = 0; offset < size; offset += buffer.Length)
        {
            var piece = buffer.AsSpan(0, (int)Math.Min(buffer.Length, size - offset));
            Fill(piece, offset, seed);
            hash.AppendData(piece);
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
