using System.CommandLine;
using System.Globalization;
using ModelFs.Configuration;
using ModelFs.Control;
using ModelFs.Prefetching;
using ModelFs.Terminal;

namespace ModelFs.Commands;

internal static class PrefetchCommand
{
    public static Command Create()
    {
        var path = new Argument<string[]>("PATH") { Description = StoreVerb.PathHelp, Arity = ArgumentArity.ZeroOrMore };
        var from = new Option<string?>("--from")
        {
            HelpName = "FILE",
            Description = "Paths from a file besides, one a line; - is standard input. Empty lines and lines that begin with # are skipped.",
        };
        var include = new Option<string[]>("--include")
        {
            HelpName = "GLOB",
            Description = "Only such files: '*.safetensors' by name in any directory, 'data/*.bin' and 'data/**' by their path in the version; may be repeated.",
        };
        var jobs = new Option<string?>("--jobs")
        {
            HelpName = "N",
            Description = $"Files at a time, 1 to {PrefetchOptions.MostJobs} (default {PrefetchOptions.DefaultJobs}).",
        };
        var limitRate = new Option<string?>("--limit-rate")
        {
            HelpName = "SIZE/s",
            Description = "The most that is fetched in a second over all files, such as 50MiB/s. Who reads meanwhile is not held to it.",
        };
        var json = new Option<bool>("--json") { Description = "The summary as one JSON document." };
        var command = new Verb(
            "prefetch",
            "Fetches all files below the paths into the cache. It resumes where it was interrupted; what fails does not stop the rest.",
            "modelfs prefetch MLFLOW/iris/champion models:/bert@champion --include '*.safetensors' --limit-rate 50MiB/s");
        command.Arguments.Add(path);
        foreach (var option in new Option[] { from, include, jobs, limitRate, json })
            command.Options.Add(option);
        command.SetStoreAction(p => [.. p.GetValue(path) ?? [], .. ReadPaths(p.GetValue(from))], async (parsed, store, paths, cancellation) =>
        {
            if (paths.Count == 0)
                throw new ConfigurationException("prefetch needs a PATH, or --from FILE with one in it; see modelfs prefetch --help");
            var options = new PrefetchOptions(parsed.GetValue(include) ?? [], Jobs(parsed.GetValue(jobs)), Rate(parsed.GetValue(limitRate)));
            var reports = store.PrefetchAsync(new PrefetchRequest(paths, options), cancellation);
            PrefetchSummary summary;
            try
            {
                summary = Console.IsErrorRedirected || Environment.GetEnvironmentVariable("TERM") is null or "" or "dumb"
                    ? await new PrefetchLines(Console.Error, TimeProvider.System).WriteAsync(reports)
                    : await DrawAsync(reports);
            }
            catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
            {
                throw new CommandException("interrupted; what has arrived stays in the cache, and the same command goes on from there");
            }

            return await EndAsync(summary, options, parsed.GetValue(json));
        });
        return command;
    }

    /// <summary>Asked for each picture: a window is resized. One that says nothing of its size is taken for a plain terminal.</summary>
    private static (int Width, int Height) TerminalSize() =>
        (Console.WindowWidth is > 0 and var width ? width : 80, Console.WindowHeight is > 0 and var height ? height : 24);

    private static async Task<PrefetchSummary> DrawAsync(IAsyncEnumerable<PrefetchReport> reports)
    {
        using var keyboard = new SilentKeyboard();
        return await new PrefetchScreen(Console.Error, TerminalSize, TimeProvider.System).DrawAsync(reports);
    }

    private static async Task<int> EndAsync(PrefetchSummary summary, PrefetchOptions options, bool json)
    {
        if (json)
            await Console.Out.WriteLineAsync(JsonText.Of(summary, ReportJson.Default.PrefetchSummary));
        if (summary.Failures.Count > 0)
        {
            var code = summary.Failures.Count < summary.Files ? ExitCode.Partly : ExitCode.Failed;
            throw new CommandException($"{summary.Failures.Count} of {Count.Of(summary.Files, "file")} failed; run this again for them", code);
        }

        // Whoever names files wants some: a slip in a pattern would pass for a warm cache.
        if (summary.Files == 0 && options.Include.Count > 0)
            throw new CommandException($"no file there is called {string.Join(" or ", options.Include.Select(p => $"'{p}'"))} (--include); modelfs ls shows what there is");
        if (!json)
            await Console.Out.WriteLineAsync($"{Count.Of(summary.Files, "file")}, {ByteSize.Format(summary.Bytes)}, all in the cache");
        return ExitCode.Ok;
    }

    private static IEnumerable<string> ReadPaths(string? from)
    {
        if (from is null)
            return [];
        try
        {
            var text = from == "-" ? Console.In.ReadToEnd() : File.ReadAllText(from);
            return text.Split('\n').Select(line => line.Trim()).Where(line => line.Length > 0 && line[0] != '#').ToList();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ConfigurationException($"--from: {from} cannot be read: {IoReason.Of(e, from!)}");
        }
    }

    private static int Jobs(string? text) =>
        text is null ? PrefetchOptions.DefaultJobs
        : int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var jobs) && jobs is >= 1 and <= PrefetchOptions.MostJobs ? jobs
        : throw new ConfigurationException($"--jobs: '{text}' is no number from 1 to {PrefetchOptions.MostJobs}");

    private static long? Rate(string? text)
    {
        if (text is null)
            return null;
        var size = text.EndsWith("/s", StringComparison.Ordinal) ? text[..^2] : text;
        return ByteSize.TryParse(size, out var rate) && rate >= 1024
            ? rate
            : throw new ConfigurationException($"--limit-rate: '{text}' is no rate of at least 1KiB/s, such as 50MiB/s");
    }
}
