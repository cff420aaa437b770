using System.Text;

namespace ModelFs.Tests.Transcripts;

/// <summary>A document with fenced <c>console</c> blocks in it: lines that begin with <c>$ </c> are commands, what follows one is its output.</summary>
public static class Transcript
{
    private const string Opening = "```console";
    private const string Closing = "```";
    private const string Prompt = "$ ";

    public static IReadOnlyList<string> Commands(string document)
    {
        var commands = new List<string>();
        RewriteAsync(document, command =>
        {
            commands.Add(command);
            return Task.FromResult("");
        }).GetAwaiter().GetResult();
        return commands;
    }

    /// <summary>The document with each command's output replaced by what <paramref name="run"/> gives for it, in order; all else stays as it is.</summary>
    public static async Task<string> RewriteAsync(string document, Func<string, Task<string>> run)
    {
        var written = new StringBuilder();
        var isTranscript = false;
        foreach (var line in document.TrimEnd('\n').Split('\n'))
        {
            if (line is Opening or Closing)
            {
                isTranscript = line == Opening;
                written.Append(line).Append('\n');
            }
            else if (!isTranscript)
                written.Append(line).Append('\n');
            else if (line.StartsWith(Prompt, StringComparison.Ordinal))
                written.Append(line).Append('\n').Append(await run(line[Prompt.Length..]));
        }

        return written.ToString();
    }
}
