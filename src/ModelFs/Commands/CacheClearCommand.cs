using System.CommandLine;
using ModelFs.Cache;
using ModelFs.Configuration;

namespace ModelFs.Commands;

internal static class CacheClearCommand
{
    public static Command Create()
    {
        var path = CacheCommand.Place();
        var yes = new Option<bool>("--yes", "-y") { Description = "Do not ask." };
        var command = new Verb(
            "clear", "Removes all files from the cache, or those at PATH; what is open or pinned stays. The next reader fetches them again.", "modelfs cache clear MLFLOW/iris/1 --yes")
        {
            path, yes,
        };
        command.SetStoreAction(p => CacheCommand.Places(p.GetValue(path)), async (parsed, store, paths, cancellation) =>
        {
            var request = new EvictionRequest(paths.Count > 0 ? paths[0] : null, All: true);
            if (!parsed.GetValue(yes))
            {
                if (Console.IsInputRedirected || Console.IsOutputRedirected)
                    throw new ConfigurationException("clear asks first, and this is no terminal: give --yes");
                var trial = request with { DryRun = true };
                var plan = await store.Cache.EvictAsync(trial, cancellation);
                Console.Write($"{CacheGcCommand.Summary(plan, trial)}. Remove them from {request.Path ?? "the whole cache"}? [y/N] ");
                if (Console.ReadLine()?.Trim().ToLowerInvariant() is not ("y" or "yes"))
                    throw new CommandException("nothing was removed");
            }

            var result = await store.Cache.EvictAsync(request, cancellation);
            await Console.Out.WriteLineAsync(CacheGcCommand.Summary(result, request));
            return ExitCode.Ok;
        }, needsRegistry: false);
        return command;
    }
}
