using System.CommandLine;
using ModelFs.Cache;
using ModelFs.Configuration;

namespace ModelFs.Commands;

internal static class CacheGcCommand
{
    public static Command Create()
    {
        var path = CacheCommand.Place();
        var to = CacheCommand.SizeOption("--to", "Remove what was used longest ago until the cache, or what lies at PATH, takes no more than this.");
        var olderThan = CacheCommand.AgeOption("--older-than", "Remove what nobody has used for so long, such as 30d.");
        var dryRun = new Option<bool>("--dry-run", "-n") { Description = "Only say what would go, and why." };
        var command = new Verb(
            "gc", "Removes what the limits say, or what you say; never what is open or pinned.", "modelfs cache gc MLFLOW --older-than 30d --dry-run")
        {
            path, to, olderThan, dryRun,
        };
        command.SetStoreAction(p => CacheCommand.Places(p.GetValue(path)), async (parsed, store, paths, cancellation) =>
        {
            var request = new EvictionRequest(
                paths.Count > 0 ? paths[0] : null, parsed.GetValue(to), parsed.GetValue(olderThan), DryRun: parsed.GetValue(dryRun));
            if (request is { Path: not null, ToBytes: null, OlderThan: null })
                throw new ConfigurationException($"gc of {request.Path} needs --to SIZE or --older-than AGE; modelfs cache clear removes all of it");
            var result = await store.Cache.EvictAsync(request, cancellation);
            var now = TimeProvider.System.GetUtcNow();
            foreach (var gone in result.Objects)
                await Console.Out.WriteLineAsync($"{ByteSize.Format(gone.Bytes),10}  {gone.Path}  {Why(gone, now)}");
            await Console.Out.WriteLineAsync(Summary(result, request));
            return ExitCode.Ok;
        }, needsRegistry: false);
        return command;
    }

    internal static string Why(EvictedObject gone, DateTimeOffset now) => gone.Reason switch
    {
        EvictionReason.Age => $"not used for {Ago.Of(gone.LastUse, now)}",
        EvictionReason.RegistryBudget => "over the registry's budget",
        EvictionReason.CacheLimit => "over the cache's limit",
        EvictionReason.FreeSpace => "the disk has too little free space",
        EvictionReason.Size => $"over the size asked for, not used for {Ago.Of(gone.LastUse, now)}",
        _ => "cleared",
    };

    internal static string Summary(EvictionResult result, EvictionRequest request)
    {
        var stay = new List<string>();
        if (result.Open > 0)
            stay.Add($"{result.Open} open");
        if (result.Pinned > 0)
            stay.Add($"{result.Pinned} pinned");
        return $"{(request.DryRun ? "would remove" : "removed")} {Count.Of(result.Objects.Count, "file")}, {ByteSize.Format(result.Objects.Sum(o => o.Bytes))}"
            + $"{(stay.Count > 0 ? $"; {string.Join(" and ", stay)} stay{(result.Open + result.Pinned == 1 ? "s" : "")}" : "")}; {ByteSize.Format(result.LeftBytes)} left {(request.Path is { } path ? $"of {path}" : "in the cache")}";
    }
}
