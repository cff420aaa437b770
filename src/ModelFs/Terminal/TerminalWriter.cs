using System.Text;

namespace ModelFs.Terminal;

/// <summary>Standard output where that is a terminal. A pipe gets names as they are; what a terminal would obey in them is escaped here, for all verbs.</summary>
internal sealed class TerminalWriter(TextWriter terminal) : TextWriter
{
    public override Encoding Encoding => terminal.Encoding;

    public override void Write(char value) => Write([value]);

    public override void Write(char[] buffer, int index, int count) => Write(buffer.AsSpan(index, count));

    public override void Write(string? value) => Write(value.AsSpan());

    /// <summary>Lines end as they do: what is written here has several.</summary>
    public override void Write(ReadOnlySpan<char> buffer)
    {
        for (var end = buffer.IndexOf('\n'); end >= 0; end = buffer.IndexOf('\n'))
        {
            terminal.WriteLine(TerminalText.Escaped(buffer[..end].ToString()));
            buffer = buffer[(end + 1)..];
        }

        terminal.Write(TerminalText.Escaped(buffer.ToString()));
    }

    public override void Flush() => terminal.Flush();
}
