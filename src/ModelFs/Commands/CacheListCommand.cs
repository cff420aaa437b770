using System.CommandLine;
using System.Globalization;
using ModelFs.Configuration;
using ModelFs.Control;
using ModelFs.Terminal;
using ModelFs.Vfs;

namespace ModelFs.Commands;

internal static class CacheListCommand
{
    public static Command Create()
    {
        var path = CacheCommand.Place();
        var sort = new Option<string?>("--sort") { HelpName = "size|age|name", Description = "Largest, longest unused or alphabetically first (default size)." };
        sort.AcceptOnlyFromAmong("size", "age", "name");
        var top = new Option<int?>("--top") { HelpName = "N", Description = "Only the first N." };
        var files = new Option<bool>("--files") { Description = "Each file by itself, not summed up by model or version." };
        var json = new Option<bool>("--json") { Description = "As one JSON document." };
        var command = new Verb("ls", "Lists what lies in the cache: models, or with a PATH what is one level below it.", "modelfs cache ls MLFLOW/iris --sort age --top 10")
        {
            path, sort, top, files, json,
        };
        command.SetStoreAction(p => CacheCommand.Places(p.GetValue(path)), async (parsed, store, paths, cancellation) =>
        {
            var items = store.Cache.ListAsync(paths.Count > 0 ? paths[0] : null, cancellation);
            var rows = Sort(await CacheRow.SumUpAsync(items, parsed.GetValue(files) ? 0 : Depth(paths is [var asked] ? asked : null)), parsed.GetValue(sort) ?? "size");
            var isEmpty = rows.Count == 0;
            if (parsed.GetValue(top) is { } most)
                rows = rows[..Math.Clamp(most, 0, rows.Count)];
            if (parsed.GetValue(json))
                await Console.Out.WriteLineAsync(JsonText.Of(rows, CacheJson.Default.ListCacheRow));
            else if (isEmpty)
                await Console.Error.WriteLineAsync(TerminalText.Escaped($"nothing{(paths is [var place] ? " of " + place : "")} is in the cache"));
            else
                foreach (var row in rows)
                    await Console.Out.WriteLineAsync(Text(row, TimeProvider.System.GetUtcNow()));
            return ExitCode.Ok;
        }, needsRegistry: false);
        return command;
    }

    internal static string Text(CacheRow row, DateTimeOffset now)
    {
        var marks = (row.Complete == row.Files ? "complete" : row.Files == 1 ? "partial" : $"{row.Complete} complete")
            + (row.Pinned > 0 ? ", pinned" : "") + (row.Open > 0 ? ", open" : "");
        return string.Create(CultureInfo.InvariantCulture,
            $"{ByteSize.Format(row.Bytes),10} {Count.Of(row.Files, "file"),10} {Ago.Of(row.LastUse, now) + " ago",14}  {row.Path}  {marks}");
    }

    internal static List<CacheRow> Sort(List<CacheRow> rows, string by) => by switch
    {
        "age" => [.. rows.OrderBy(row => row.LastUse).ThenBy(row => row.Path, StringComparer.Ordinal)],
        "name" => [.. rows.OrderBy(row => row.Path, StringComparer.Ordinal)],
        _ => [.. rows.OrderByDescending(row => row.Bytes).ThenBy(row => row.Path, StringComparer.Ordinal)],
    };

    /// <summary>One level below the place that was asked for, as it is called in the cache; models where none was.</summary>
    /// <remarks>An alias or a URI has another name in the cache, but names a place as deep.</remarks>
    internal static int Depth(string? path) =>
        path?.Trim('/') is not { Length: > 0 } asked ? 2
        : ModelUri.TryParse(asked, out var uri, out _) ? uri.TreePath.Split('/').Length + 2
        : asked.Split('/').Length + 1;
}
