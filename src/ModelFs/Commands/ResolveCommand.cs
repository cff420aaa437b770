using System.CommandLine;
using ModelFs.Control;

namespace ModelFs.Commands;

internal static class ResolveCommand
{
    public static Command Create()
    {
        var path = new Argument<string>("PATH") { Description = StoreVerb.PathHelp };
        var json = new Option<bool>("--json") { Description = "As one JSON document, with what it leads to." };
        var command = new Verb(
            "resolve", "Prints where a path leads: aliases become the version that they point to now.", "modelfs resolve models:/iris@champion");
        command.Arguments.Add(path);
        command.Options.Add(json);
        command.SetStoreAction(p => [p.GetValue(path)!], async (parsed, store, paths, cancellation) =>
        {
            var entry = await store.ResolveAsync(paths[0], cancellation);
            await Console.Out.WriteLineAsync(parsed.GetValue(json) ? JsonText.Of(entry, ReportJson.Default.EntryReport) : entry.Path);
            return ExitCode.Ok;
        });
        return command;
    }
}
