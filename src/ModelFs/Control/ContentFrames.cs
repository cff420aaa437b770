using System.Buffers.Binary;
using System.Text;

namespace ModelFs.Control;

/// <summary>A file's bytes on the control socket, so that a body that breaks off can say why: HTTP/1.1 on Kestrel has no trailers.</summary>
/// <remarks>
/// Each frame is its length in four bytes, little-endian, and so many bytes. A length of 0 ends the content; what follows it,
/// if anything, is the error in UTF-8.
/// </remarks>
internal static class ContentFrames
{
    private const int LongestFrame = 1 << 20;

    public static async ValueTask WriteAsync(Stream body, ReadOnlyMemory<byte> content, CancellationToken cancellation)
    {
        var header = new byte[sizeof(int)];
        for (; content.Length > 0; content = content[Math.Min(LongestFrame, content.Length)..])
        {
            var frame = content[..Math.Min(LongestFrame, content.Length)];
            BinaryPrimitives.WriteInt32LittleEndian(header, frame.Length);
            await body.WriteAsync(header, cancellation);
            await body.WriteAsync(frame, cancellation);
        }
    }

    public static async Task EndAsync(Stream body, string? error, CancellationToken cancellation)
    {
        await body.WriteAsync(new byte[sizeof(int)], cancellation);
        await body.WriteAsync(Encoding.UTF8.GetBytes(error ?? ""), cancellation);
    }

    /// <returns>The error that ended the content before its time, or null.</returns>
    /// <exception cref="IOException">The body ends within a frame or without its end.</exception>
    public static async Task<string?> CopyAsync(Stream body, Func<ReadOnlyMemory<byte>, ValueTask> write, CancellationToken cancellation)
    {
        var buffer = new byte[LongestFrame];
        while (true)
        {
            await body.ReadExactlyAsync(buffer.AsMemory(0, sizeof(int)), cancellation);
            var length = BinaryPrimitives.ReadInt32LittleEndian(buffer);
            if (length == 0)
                break;
            if (length is < 0 or > LongestFrame)
                throw new IOException("a frame of impossible length");
            await body.ReadExactlyAsync(buffer.AsMemory(0, length), cancellation);
            await write(buffer.AsMemory(0, length));
        }

        using var reader = new StreamReader(body, Encoding.UTF8);
        var error = await reader.ReadToEndAsync(cancellation);
        return error.Length == 0 ? null : error;
    }
}
