using System.CommandLine;
using Microsoft.Extensions.Logging;
using ModelFs.Configuration;
using ModelFs.Control;
using ModelFs.Hosting;

namespace ModelFs.Commands;

/// <summary>What the verbs have in common that ask a store: settings, the store's opening and closing.</summary>
internal static class StoreVerb
{
    public const string PathHelp = "MLFLOW/iris/champion/MLmodel, models:/iris@champion/MLmodel, or a path under a mount.";

    public static void SetStoreAction(
        this Command command,
        Func<ParseResult, IReadOnlyList<string>> paths,
        Func<ParseResult, IStore, IReadOnlyList<string>, CancellationToken, Task<int>> action,
        bool needsRegistry = true)
    {
        var settings = new SettingOptions(command, "cache");
        command.SetAction(async (parsed, cancellation) =>
        {
            var (options, warnings) = settings.Read(parsed);
            foreach (var warning in warnings)
                await Console.Error.WriteLineAsync("modelfs: " + warning);
            using var logs = Logging.Create(options, LogLevel.None);
            var asked = paths(parsed);
            if (asked.Contains(""))
                throw new ConfigurationException($"an empty PATH leads nowhere; is a variable of the shell unset?");
            var (store, treePaths) = await StoreFinder.OpenAsync(options, asked, logs, cancellation);
            await using (store)
            {
                if (needsRegistry && store is LocalStore)
                    LocalStore.RequireRegistries(options);
                return await action(parsed, store, treePaths, cancellation);
            }
        });
    }
}
