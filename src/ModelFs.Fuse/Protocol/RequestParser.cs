using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace ModelFs.Fuse.Protocol;

/// <summary>Takes a request apart. Every method says false instead of reading past the end.</summary>
internal static class RequestParser
{
    /// <summary>Reads the structure at the beginning of <paramref name="body"/>, and leaves what follows it.</summary>
    public static bool TryTake<T>(ref ReadOnlySpan<byte> body, out T value)
        where T : unmanaged
    {
        if (!MemoryMarshal.TryRead(body, out value))
            return false;

        body = body[Unsafe.SizeOf<T>()..];
        return true;
    }

    /// <summary>Reads a name up to its terminator, which must be there. An empty name is none.</summary>
    public static bool TryTakeName(ref ReadOnlySpan<byte> body, out ReadOnlySpan<byte> name)
    {
        int end = body.IndexOf((byte)0);
        if (end <= 0)
        {
            name = default;
            return false;
        }

        name = body[..end];
        body = body[(end + 1)..];
        return true;
    }
}
