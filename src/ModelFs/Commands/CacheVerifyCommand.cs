using System.CommandLine;
using ModelFs.Cache;
using ModelFs.Configuration;
using ModelFs.Terminal;

namespace ModelFs.Commands;

internal static class CacheVerifyCommand
{
    /// <summary>A log is read later: a line every few seconds is enough.</summary>
    private static readonly TimeSpan LineEvery = TimeSpan.FromSeconds(5);

    public static Command Create()
    {
        var path = CacheCommand.Place();
        var command = new Verb(
            "verify", "Reads the files at PATH from the disk again, block by block against checksums and digests, and drops what is wrong. Readers go on.", "modelfs cache verify MLFLOW/iris")
        {
            path,
        };
        command.SetStoreAction(p => CacheCommand.Places(p.GetValue(path)), async (_, store, paths, cancellation) =>
        {
            var (last, wrong) = await ReportAsync(store.Cache.VerifyAsync(paths.Count > 0 ? paths[0] : null, cancellation), Console.Error, TimeProvider.System);
            var (files, bytes) = (last?.TotalFiles ?? 0, ByteSize.Format(last?.TotalBytes ?? 0));
            if (wrong > 0)
                throw new CommandException($"{wrong} of {Count.Of(files, "file")} ({bytes}) were damaged; what was wrong is dropped and fetched again when it is read");
            await Console.Out.WriteLineAsync($"{Count.Of(files, "file")}, {bytes}, all as they were stored");
            return ExitCode.Ok;
        }, needsRegistry: false);
        return command;
    }

    internal static async Task<(ScrubReport? Last, int Wrong)> ReportAsync(IAsyncEnumerable<ScrubReport> reports, TextWriter output, TimeProvider time)
    {
        ScrubReport? last = null;
        var wrong = 0;
        var written = time.GetTimestamp();
        await foreach (var report in reports)
        {
            last = report;
            if (report.Fault is not null)
            {
                wrong++;
                await output.WriteLineAsync(TerminalText.Escaped($"{report.Path}: {report.Fault}"));
            }
            else if (time.GetElapsedTime(written) >= LineEvery)
            {
                written = time.GetTimestamp();
                await output.WriteLineAsync($"{report.Files}/{report.TotalFiles} files, {ByteSize.Format(report.Bytes)} of {ByteSize.Format(report.TotalBytes)}");
            }
        }

        return (last, wrong);
    }
}
