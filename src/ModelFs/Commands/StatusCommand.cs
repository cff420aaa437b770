using System.CommandLine;
using System.Globalization;
using ModelFs.Configuration;
using ModelFs.Control;

namespace ModelFs.Commands;

internal static class StatusCommand
{
    public static Command Create()
    {
        var json = new Option<bool>("--json") { Description = "As one JSON document." };
        var command = new Verb(
            "status", "Shows mounts and how they read complete files, registries and whether they answer, the cache, and how many bytes came from where.", "modelfs status --json");
        command.Options.Add(json);
        command.SetStoreAction(_ => [], async (parsed, store, _, cancellation) =>
        {
            var status = await store.GetStatusAsync(cancellation);
            await Console.Out.WriteLineAsync(parsed.GetValue(json) ? JsonText.Of(status, ReportJson.Default.StatusReport) : Text(status));
            return ExitCode.Ok;
        }, needsRegistry: false);
        return command;
    }

    internal static string Text(StatusReport status)
    {
        var daemon = status.Daemon is { } d ? $"process {d.Pid}, version {status.Version}, since {d.Since:yyyy-MM-dd HH:mm:ss}Z" : "none on this cache";
        var lines = new List<string> { $"daemon      {daemon}" };
        lines.AddRange(status.Mounts.Select(m => $"mount       {m}{How(status, m)}"));
        foreach (var registry in status.Registries)
        {
            var answer = registry.Answers ? string.Create(CultureInfo.InvariantCulture, $"answers in {registry.Milliseconds:0.#} ms") : registry.Error;
            lines.Add($"registry    {registry.Name}: {registry.Description}: {answer}");
        }

        lines.AddRange(status.Prefetch.Select(w => $"prefetch    {w.Path}: " + w.State switch
        {
            WarmState.Failed => $"failed, is tried again: {w.Error}",
            WarmState.Waiting => "waits",
            var state => $"{w.Target} {(state == WarmState.Complete ? "complete" : "is fetched")}",
        }));
        var cache = status.Cache;
        lines.Add($"cache       {cache.Directory}: {ByteSize.Format(cache.UsedBytes)} of {ByteSize.Format(cache.MaxBytes)}, "
            + $"{Count.Of(cache.Objects, "object")}, {cache.SealedObjects} complete, {cache.OpenObjects} open, {cache.Evictions} evicted");
        if (cache.Fault is { } fault)
            lines.Add($"fault       {fault}");
        if (cache.UnverifiedObjects > 0)
            lines.Add($"verifying   {Count.Of(cache.UnverifiedObjects, "complete object")}, {ByteSize.Format(cache.UnverifiedBytes)}, are read again after a kill");
        lines.Add($"bytes       {ByteSize.Format(cache.OriginBytes)} from origin, {ByteSize.Format(cache.ServedBytes)} served");
        return string.Join('\n', lines);
    }

    private static string How(StatusReport status, string mount) =>
        status.DeadMounts.Contains(mount) ? $": its daemon was killed; mount again, or modelfs umount {mount}"
        : status.Daemon?.MountPoint != mount ? ""
        : status.Daemon.PassthroughObstacle is { } obstacle ? $": complete files are served by the daemon: {obstacle}"
        : ": the kernel reads complete files itself";
}
