using System.Buffers.Binary;

namespace ModelFs.Cache.Disk;

/// <summary>A small file that is replaced whole: what it is (8), a checksum (8), its content. A damaged one reads as absent.</summary>
internal static class CheckedFile
{
    private const int HeaderSize = 16;

    /// <exception cref="IOException">The disk refuses.</exception>
    public static void Write(string path, ulong magic, ReadOnlySpan<byte> content)
    {
        byte[] file = new byte[HeaderSize + content.Length];
        BinaryPrimitives.WriteUInt64LittleEndian(file, magic);
        BinaryPrimitives.WriteUInt64LittleEndian(file.AsSpan(8), BlockChecksum.Compute(content));
        content.CopyTo(file.AsSpan(HeaderSize));
        DurableFile.Replace(path, file);
    }

    public static byte[]? Read(string path, ulong magic)
    {
        try
        {
            byte[] file = File.ReadAllBytes(path);
            return file.Length >= HeaderSize
                && BinaryPrimitives.ReadUInt64LittleEndian(file) == magic
                && BinaryPrimitives.ReadUInt64LittleEndian(file.AsSpan(8)) == BlockChecksum.Compute(file.AsSpan(HeaderSize))
                ? file[HeaderSize..]
                : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
