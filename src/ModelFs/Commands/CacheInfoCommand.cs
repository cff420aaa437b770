using System.CommandLine;
using ModelFs.Cache;
using ModelFs.Configuration;
using ModelFs.Control;

namespace ModelFs.Commands;

internal static class CacheInfoCommand
{
    public static Command Create()
    {
        var json = new Option<bool>("--json") { Description = "As one JSON document." };
        var command = new Verb("info", "Sums the cache up: limits, registries, what is pinned or open, bytes served beside bytes fetched.", "modelfs cache info --json");
        command.Options.Add(json);
        command.SetStoreAction(_ => [], async (parsed, store, _, cancellation) =>
        {
            var info = await store.Cache.GetInfoAsync(cancellation);
            await Console.Out.WriteLineAsync(parsed.GetValue(json) ? JsonText.Of(info, CacheJson.Default.CacheInfoReport) : Text(info, TimeProvider.System.GetUtcNow()));
            return ExitCode.Ok;
        }, needsRegistry: false);
        return command;
    }

    internal static string Text(CacheInfoReport report, DateTimeOffset now)
    {
        var info = report.Cache;
        var lines = new List<string>
        {
            $"cache       {info.Directory}: {ByteSize.Format(info.UsedBytes)} of {ByteSize.Format(info.MaxBytes)}",
            $"disk        {ByteSize.Format(info.FreeBytes)} free, {ByteSize.Format(info.MinFreeBytes)} are left free",
            $"objects     {ByteSize.Format(info.ObjectBytes)} in {Count.Of(info.Objects, "file")}, {info.Sealed} complete",
            $"index       {ByteSize.Format(info.IndexBytes)}, metadata {ByteSize.Format(info.MetadataBytes)}",
            $"pinned      {ByteSize.Format(info.PinnedBytes)} in {Count.Of(info.Pinned, "file")}",
            $"open        {ByteSize.Format(info.OpenBytes)} in {Count.Of(info.Open, "file")}",
        };
        if (info is { OldestUse: { } oldest, NewestUse: { } newest })
            lines.Add($"last use    oldest {Ago.Of(oldest, now)} ago, newest {Ago.Of(newest, now)} ago");
        lines.AddRange(info.Owners.Select(share => Share(share, report.Kinds.GetValueOrDefault(share.Owner))));
        lines.Add($"counted     since {info.CountedSince:yyyy-MM-dd HH:mm:ss}Z");
        if (info.Fault is { } fault)
            lines.Add($"fault       {fault}");
        return string.Join('\n', lines);
    }

    private static string Share(OwnerShare share, string? kind)
    {
        var budget = share.MaxBytes is { } most ? $" of {ByteSize.Format(most)}" : "";
        var age = share.MaxAge is { } oldest ? $", unused for at most {Duration.Format(oldest)}" : "";
        var fault = share.Fault is null ? "" : $"; not stored: {share.Fault}";
        return $"registry    {(share.Owner.Length > 0 ? share.Owner : "unknown")}{(kind is null ? "" : $" ({kind})")}: {ByteSize.Format(share.Bytes)}{budget} in {Count.Of(share.Objects, "file")}, "
            + $"{share.Sealed} complete{age}; {ByteSize.Format(share.ServedBytes)} served, {ByteSize.Format(share.OriginBytes)} from origin{fault}";
    }
}
