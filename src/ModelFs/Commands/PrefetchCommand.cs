using System.CommandLine;
using ModelFs.Configuration;
using ModelFs.Control;
using ModelFs.Prefetching;

namespace ModelFs.Commands;

internal static class PrefetchCommand
{
    public static Command Create()
    {
        var path = new Argument<string[]>("PATH") { Description = StoreVerb.PathHelp, Arity = ArgumentArity.OneOrMore };
        var command = new Verb(
            "prefetch",
            "Fetches all files below the paths into the cache. It resumes where it was interrupted; a file that fails does not stop the others.",
            "modelfs prefetch MLFLOW/iris/champion models:/bert@champion");
        command.Arguments.Add(path);
        command.SetStoreAction(p => p.GetValue(path)!, async (_, store, paths, cancellation) =>
        {
            var reports = store.PrefetchAsync(paths, cancellation);
            var last = Console.IsErrorRedirected
                ? await PrefetchProgress.WriteLinesAsync(reports, Console.Error, TimeProvider.System)
                : await PrefetchProgress.DrawAsync(reports);
            if (last is { Failed: > 0 })
                throw new CommandException($"{last.Failed} of {Count.Of(last.TotalFiles, "file")} failed; run this again for them");
            await Console.Out.WriteLineAsync($"{Count.Of(last?.TotalFiles ?? 0, "file")}, {ByteSize.Format(last?.Bytes ?? 0)}, all in the cache");
            return ExitCode.Ok;
        });
        return command;
    }
}
