using System.Buffers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Unicode;

namespace ModelFs.Vfs.Names;

/// <summary>What a name of a directory entry stands for.</summary>
internal enum NameForm
{
    /// <summary>It is no escaped name: nothing has it.</summary>
    Invalid,

    /// <summary>It stands for the name that was decoded.</summary>
    Whole,

    /// <summary>It ends in a hash: only a list of names tells what it stands for.</summary>
    Shortened,
}

/// <summary>Turns a registry's names into names of directory entries and back.</summary>
/// <remarks>
/// <c>%</c>, <c>/</c>, bytes below 0x20 and 0x7F become <c>%XX</c>; the whole names <c>.</c> and <c>..</c> become <c>%2E</c> and
/// <c>%2E%2E</c>; nothing else changes. What is longer than 255 bytes then is cut and ends in <c>%~</c> and half of its SHA-256.
/// One name has exactly one escaped form, and every other spelling stands for nothing: two paths never mean one place.
/// </remarks>
internal static class EscapedName
{
    /// <summary>NAME_MAX of Linux: tools refuse longer ones, whatever a filesystem would allow.</summary>
    public const int MaxBytes = 255;

    /// <summary>Characters. MLflow stops at 256; what is longer is an attempt at something.</summary>
    public const int MaxPlainLength = 4096;

    private const int HashDigits = 32;
    private const int MarkedHashLength = 2 + HashDigits;

    private static readonly SearchValues<byte> Special = SearchValues.Create(
        [.. Enumerable.Range(0, 0x20).Select(value => (byte)value), 0x7F, (byte)'%', (byte)'/']);

    /// <summary>The entry's name, or null for what cannot have one: nothing at all, far too much, and UTF-16 that is not well formed.</summary>
    public static byte[]? Escape(string name)
    {
        if (name.Length is 0 or > MaxPlainLength)
            return null;
        var plain = new byte[Encoding.UTF8.GetMaxByteCount(name.Length)];
        if (Utf8.FromUtf16(name, plain, out _, out var length, replaceInvalidSequences: false) != OperationStatus.Done)
            return null;
        return Escape(plain.AsSpan(0, length));
    }

    public static string? EscapeToString(string name) => Escape(name) is { } escaped ? Encoding.UTF8.GetString(escaped) : null;

    /// <summary>Decodes an entry's name. Only the canonical form is one: what escaping again would not give back is invalid.</summary>
    public static NameForm TryUnescape(ReadOnlySpan<byte> escaped, out string name)
    {
        name = "";
        if (escaped.Length is 0 or > MaxBytes || !Utf8.IsValid(escaped))
            return NameForm.Invalid;
        if (IsShortened(escaped))
            return NameForm.Shortened;

        Span<byte> plain = stackalloc byte[MaxBytes];
        if (!TryDecode(escaped, plain, out var length) || !Utf8.IsValid(plain[..length]))
            return NameForm.Invalid;
        plain = plain[..length];
        if (!Escape(plain).AsSpan().SequenceEqual(escaped))
            return NameForm.Invalid;
        name = Encoding.UTF8.GetString(plain);
        return NameForm.Whole;
    }

    private static byte[] Escape(ReadOnlySpan<byte> plain)
    {
        if (plain.SequenceEqual("."u8))
            return "%2E"u8.ToArray();
        if (plain.SequenceEqual(".."u8))
            return "%2E%2E"u8.ToArray();
        if (plain.Length <= MaxBytes && !plain.ContainsAny(Special))
            return plain.ToArray();

        var escaped = new ArrayBufferWriter<byte>(plain.Length + 16);
        foreach (var value in plain)
        {
            if (Special.Contains(value))
                escaped.Write([(byte)'%', HexDigit(value >> 4), HexDigit(value & 15)]);
            else
                escaped.Write([value]);
        }

        return escaped.WrittenCount <= MaxBytes ? escaped.WrittenSpan.ToArray() : Shorten(plain, escaped.WrittenSpan);
    }

    private static byte[] Shorten(ReadOnlySpan<byte> plain, ReadOnlySpan<byte> escaped)
    {
        var cut = MaxBytes - MarkedHashLength;
        while ((escaped[cut] & 0xC0) == 0x80)
            cut--;
        // Nor within an escape: the prefix must read as a name of its own.
        if (escaped[cut - 1] == '%')
            cut -= 1;
        else if (escaped[cut - 2] == '%')
            cut -= 2;
        var digits = Convert.ToHexStringLower(SHA256.HashData(plain).AsSpan(0, HashDigits / 2));
        return [.. escaped[..cut], (byte)'%', (byte)'~', .. Encoding.ASCII.GetBytes(digits)];
    }

    private static bool IsShortened(ReadOnlySpan<byte> escaped) =>
        escaped.Length > MarkedHashLength
        && escaped[^MarkedHashLength..].StartsWith("%~"u8)
        && !escaped[^HashDigits..].ContainsAnyExcept("0123456789abcdef"u8);

    private static bool TryDecode(ReadOnlySpan<byte> escaped, Span<byte> plain, out int length)
    {
        length = 0;
        for (var i = 0; i < escaped.Length; i++)
        {
            if (escaped[i] != '%')
            {
                plain[length++] = escaped[i];
                continue;
            }

            if (i + 2 >= escaped.Length || !TryHex(escaped[i + 1], out var high) || !TryHex(escaped[i + 2], out var low))
                return false;
            plain[length++] = (byte)((high << 4) | low);
            i += 2;
        }

        return true;
    }

    private static byte HexDigit(int value) => (byte)"0123456789ABCDEF"[value];

    private static bool TryHex(byte digit, out int value)
    {
        value = digit switch
        {
            >= (byte)'0' and <= (byte)'9' => digit - '0',
            >= (byte)'A' and <= (byte)'F' => digit - 'A' + 10,
            _ => -1,
        };
        return value >= 0;
    }
}
