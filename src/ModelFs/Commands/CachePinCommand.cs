using System.CommandLine;
using ModelFs.Configuration;
using ModelFs.Control;

namespace ModelFs.Commands;

internal static class CachePinCommand
{
    public static Command CreatePin()
    {
        var path = new Argument<string?>("PATH")
        {
            Description = "A version, or an alias: what it points to now. Without one, what is pinned is listed.",
            Arity = ArgumentArity.ZeroOrOne,
        };
        var command = new Verb("pin", "Keeps the files of a version from being evicted, until they are unpinned. It fetches nothing: prefetch does.", "modelfs cache pin MLFLOW/iris/champion")
        {
            path,
        };
        command.SetStoreAction(p => CacheCommand.Places(p.GetValue(path)), async (_, store, paths, cancellation) =>
        {
            var pins = await store.Cache.PinAsync(paths.Count > 0 ? paths[0] : null, cancellation);
            foreach (var pin in pins)
                await Console.Out.WriteLineAsync(Text(pin));
            if (pins.Count == 0)
                await Console.Error.WriteLineAsync("nothing is pinned");
            return ExitCode.Ok;
        }, needsRegistry: false);
        return command;
    }

    public static Command CreateUnpin()
    {
        var path = new Argument<string>("PATH") { Description = "What was pinned, or an alias that points there." };
        var command = new Verb("unpin", "Lets the files of a version be evicted again.", "modelfs cache unpin MLFLOW/iris/1")
        {
            path,
        };
        command.SetStoreAction(p => [p.GetValue(path)!], async (_, store, paths, cancellation) =>
        {
            var pin = await store.Cache.UnpinAsync(paths[0], cancellation);
            await Console.Out.WriteLineAsync($"{pin.Path} is no longer pinned");
            return ExitCode.Ok;
        }, needsRegistry: false);
        return command;
    }

    internal static string Text(PinReport pin) =>
        $"{pin.Path} is pinned{(pin.Setting is null ? "" : $" by the configuration as {pin.Setting}")}: {Count.Of(pin.Files, "file")}, {ByteSize.Format(pin.CachedBytes)} in the cache";
}
