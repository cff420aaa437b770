using System.Globalization;
using System.Text;

namespace ModelFs.Terminal;

/// <summary>Names and messages from outside, made fit for a terminal: nothing in them is a command to it, and their columns are known.</summary>
internal static class TerminalText
{
    /// <summary>The text with each character that a terminal would obey as <c>\u009B</c>: control characters, and what turns the direction of writing.</summary>
    public static string Escaped(string text)
    {
        if (!text.Any(IsObeyed))
            return text;
        var escaped = new StringBuilder(text.Length + 8);
        foreach (var character in text)
        {
            if (IsObeyed(character))
                escaped.Append(CultureInfo.InvariantCulture, $"\\u{(int)character:X4}");
            else
                escaped.Append(character);
        }

        return escaped.ToString();
    }

    /// <summary>C0, DEL and C1; marks, embeddings, overrides and isolates of direction; the two separators.</summary>
    public static bool IsObeyed(char character) =>
        char.IsControl(character) || character is '\u061C' or '\u200E' or '\u200F' or (>= '\u2028' and <= '\u202E') or (>= '\u2066' and <= '\u2069');

    /// <summary>Columns that a text takes.</summary>
    public static int Width(string text)
    {
        var width = 0;
        foreach (var rune in text.EnumerateRunes())
            width += CharacterWidth.Of(rune);
        return width;
    }

    /// <summary>As much of the beginning as fits into so many columns.</summary>
    public static string Head(string text, int columns)
    {
        var length = 0;
        foreach (var rune in text.EnumerateRunes())
        {
            if ((columns -= CharacterWidth.Of(rune)) < 0)
                return text[..length];
            length += rune.Utf16SequenceLength;
        }

        return text;
    }

    /// <summary>As much of the end as fits into so many columns.</summary>
    public static string Tail(string text, int columns)
    {
        var (start, width) = (0, Width(text));
        foreach (var rune in text.EnumerateRunes())
        {
            if (width <= columns)
                break;
            width -= CharacterWidth.Of(rune);
            start += rune.Utf16SequenceLength;
        }

        return text[start..];
    }
}
