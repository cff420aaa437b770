using System.CommandLine;
using System.Runtime.CompilerServices;
using ModelFs.Commands;
using ModelFs.Tests.Harness;

namespace ModelFs.Tests.Transcripts;

/// <summary>docs/commands.md shows what the verbs print, or this fails.</summary>
[Collection("mounts")]
public sealed class TranscriptTests : OriginTests
{
    /// <summary>With <c>WRITE_TRANSCRIPTS=1</c> it writes the document instead.</summary>
    [Fact]
    public async Task Every_transcript_is_what_the_program_prints()
    {
        var written = await File.ReadAllTextAsync(Document());
        var played = await Transcript.RewriteAsync(written, new Stage(scratch, origin).RunAsync);
        if (Environment.GetEnvironmentVariable("WRITE_TRANSCRIPTS") == "1")
            await File.WriteAllTextAsync(Document(), played);
        else
            Assert.Equal(written.Split('\n'), played.Split('\n'));
        Assert.Empty(scratch.Mounts());
    }

    [Fact]
    public void Each_verb_has_a_transcript()
    {
        var commands = Transcript.Commands(File.ReadAllText(Document()));
        Assert.All(Verbs(CommandLine.Build(), "modelfs"), verb => Assert.Contains(commands, c => c == verb || c.StartsWith(verb + " ", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Output_is_replaced_and_all_else_stays()
    {
        const string Before = "# a\n```sh\n$ no command\n```\n```console\n$ x\nold\n$ y\n```\nend\n";
        var after = await Transcript.RewriteAsync(Before, command => Task.FromResult($"{command}!\n"));
        Assert.Equal("# a\n```sh\n$ no command\n```\n```console\n$ x\nx!\n$ y\ny!\n```\nend\n", after);
    }

    private static IEnumerable<string> Verbs(Command command, string name) =>
        command.Subcommands.Count == 0 ? [name] : command.Subcommands.Where(c => !c.Hidden).SelectMany(c => Verbs(c, $"{name} {c.Name}"));

    private static string Document([CallerFilePath] string here = "") => Path.GetFullPath(Path.Combine(Path.GetDirectoryName(here)!, "../../../docs/commands.md"));
}
