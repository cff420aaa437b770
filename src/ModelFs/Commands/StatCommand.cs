using System.CommandLine;
using ModelFs.Configuration;
using ModelFs.Control;

namespace ModelFs.Commands;

internal static class StatCommand
{
    public static Command Create()
    {
        var path = new Argument<string>("PATH") { Description = StoreVerb.PathHelp };
        var json = new Option<bool>("--json") { Description = "As one JSON document." };
        var command = new Verb("stat", "Shows all that is known of a path: where it comes from, how much of it is here, how old the answer is.", "modelfs stat MLFLOW/iris/champion/MLmodel")
        {
            path, json,
        };
        command.SetStoreAction(p => [p.GetValue(path)!], async (parsed, store, paths, cancellation) =>
        {
            var report = await store.StatAsync(paths[0], cancellation);
            await Console.Out.WriteLineAsync(parsed.GetValue(json) ? JsonText.Of(report, CacheJson.Default.StatReport) : Text(report, TimeProvider.System.GetUtcNow()));
            return ExitCode.Ok;
        });
        return command;
    }

    internal static string Text(StatReport report, DateTimeOffset now)
    {
        var lines = new List<string>();
        Add("path", report.Path);
        Add("links to", report.Target);
        Add("kind", report.Kind switch { EntryKind.File => "file", EntryKind.Link => "link", _ => "directory" });
        if (report.Registry is not null)
            Add("registry", $"{report.Registry}: {report.Origin}");
        Add("model", report.Model);
        Add("version", report.Version is null ? null : report.Created is { } created ? $"{report.Version}, created {created:yyyy-MM-dd HH:mm:ss}Z" : report.Version);
        Add("content", report.Content);
        Add("files", report.Files?.ToString(System.Globalization.CultureInfo.InvariantCulture));
        Add("size", report.Size is { } size ? Bytes(size) : null);
        Add("cached", report.CachedBytes is { } cached ? Bytes(cached) : null);
        Add("digest", report.Digest);
        Add("verified", report.Verified);
        Add("mode", report.Mode);
        Add("pinned", report.Pinned is { } pinned ? (pinned ? "yes" : "no") : null);
        Add("object", report.Object);
        if (report.Asked is { } asked)
            Add("answer", $"{Ago.Of(asked, now)} old{(report.FilesAsked is { } files ? $"; its files were listed {Ago.Of(files, now)} ago and never change" : "")}");
        return string.Join('\n', lines);

        void Add(string key, string? value)
        {
            if (value is not null)
                lines.Add($"{key,-11} {value}");
        }
    }

    private static string Bytes(long bytes) => bytes < 1000 ? $"{bytes} bytes" : $"{bytes} bytes ({ByteSize.Format(bytes)})";
}
