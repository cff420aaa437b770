using System.CommandLine;

namespace ModelFs.Commands;

internal static class ResolveCommand
{
    public static Command Create()
    {
        var path = new Argument<string>("PATH") { Description = StoreVerb.PathHelp };
        var command = new Verb(
            "resolve", "Prints where a path leads: aliases become the version that they point to now.", "modelfs resolve models:/iris@champion");
        command.Arguments.Add(path);
        command.SetStoreAction(p => [p.GetValue(path)!], async (_, store, paths, cancellation) =>
        {
            await Console.Out.WriteLineAsync((await store.ResolveAsync(paths[0], cancellation)).Path);
            return ExitCode.Ok;
        });
        return command;
    }
}
