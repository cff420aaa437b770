using System.Globalization;
using System.Text;

namespace ModelFs.Registries;

/// <summary>Text that came from outside, made fit for a message or a log line: one line, no control characters, not long.</summary>
internal static class Shown
{
    private const int MaxLength = 200;

    /// <summary>What lies at the bottom of a failure.</summary>
    public static string Reason(Exception e) => Escaped(e.GetBaseException().Message.TrimEnd('.'));

    public static string Quoted(string text) => $"'{Escaped(text)}'";

    public static string Escaped(string text)
    {
        var shown = new StringBuilder(Math.Min(text.Length, MaxLength) + 8);
        foreach (var rune in text.EnumerateRunes())
        {
            if (shown.Length >= MaxLength) return shown.Append('…').ToString();
            if (Rune.GetUnicodeCategory(rune) is UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator
                or UnicodeCategory.ParagraphSeparator)
                shown.Append(CultureInfo.InvariantCulture, $"\\u{rune.Value:X4}");
            else shown.Append(rune.ToString());
        }

        return shown.ToString();
    }
}
