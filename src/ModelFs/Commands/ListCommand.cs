using System.CommandLine;
using System.Globalization;
using ModelFs.Control;

namespace ModelFs.Commands;

internal static class ListCommand
{
    public static Command Create()
    {
        var path = new Argument<string>("PATH") { Description = StoreVerb.PathHelp + " Nothing lists the registries.", Arity = ArgumentArity.ZeroOrOne };
        var longForm = new Option<bool>("--long", "-l") { Description = "With size, date, and where links point to." };
        var json = new Option<bool>("--json") { Description = "As one JSON document." };
        var command = new Verb("ls", "Lists a directory of the tree. Of a model: its aliases, then its versions, the newest first.", "modelfs ls -l MLFLOW/iris/champion");
        command.Arguments.Add(path);
        command.Options.Add(longForm);
        command.Options.Add(json);
        command.SetStoreAction(p => p.GetValue(path) is { } asked ? [asked] : [], async (parsed, store, paths, cancellation) =>
        {
            var listed = new List<EntryReport>();
            await foreach (var entry in store.ListAsync(paths is [var asked] ? asked : "", cancellation))
            {
                if (parsed.GetValue(json))
                    listed.Add(entry);
                else
                    await Console.Out.WriteLineAsync(parsed.GetValue(longForm) ? Long(entry) : entry.Name);
            }

            if (parsed.GetValue(json))
                await Console.Out.WriteLineAsync(JsonText.Of(listed, ReportJson.Default.ListEntryReport));
            return ExitCode.Ok;
        });
        return command;
    }

    internal static string Long(EntryReport entry)
    {
        var kind = entry.Kind switch { EntryKind.Directory => 'd', EntryKind.Link => 'l', _ => '-' };
        var size = entry.Size?.ToString(CultureInfo.InvariantCulture) ?? (entry.Kind == EntryKind.File ? "?" : "-");
        var time = entry.Time?.UtcDateTime.ToString("yyyy-MM-dd HH:mm", CultureInfo.InvariantCulture) ?? "-";
        return $"{kind} {size,13} {time,16} {entry.Name}{(entry.Target is null ? "" : " -> " + entry.Target)}";
    }
}
