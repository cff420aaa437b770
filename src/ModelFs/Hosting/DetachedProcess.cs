using System.Diagnostics;
using ModelFs.Cache;

namespace ModelFs.Hosting;

/// <summary>Starts this program in a session of its own, so that no terminal takes it along when it closes.</summary>
internal static class DetachedProcess
{
    /// <summary>The descriptor that the shell below gives the child for its <see cref="StartReport"/>.</summary>
    public const int ReportDescriptor = 3;

    /// <summary>Longer than any mount takes, with a large index to recover on a slow disk.</summary>
    private static readonly TimeSpan StartTimeout = TimeSpan.FromMinutes(2);

    /// <summary>What a daemon that is told to end before it has begun gets to unmount.</summary>
    private static readonly TimeSpan EndTimeout = TimeSpan.FromSeconds(10);

    /// <summary>The pipe moves away from standard output, which with standard error goes to the log; setsid cuts the terminal off.</summary>
    private const string Script = "exec setsid \"$@\" 3>&1 </dev/null >>\"$0\" 2>&1";

    /// <param name="warn">Gets what is wrong but keeps the mount from nothing.</param>
    /// <returns>0 when the mount answers, else the child's exit code and what it says is wrong.</returns>
    public static async Task<(int ExitCode, string? Error)> StartAsync(
        Executable executable, IEnumerable<string> arguments, string logFile, Action<string> warn, CancellationToken cancellation)
    {
        MakeLog(logFile);
        string[] command = ["-c", Script, logFile, executable.FileName, .. executable.FirstArguments, .. arguments];
        var start = new ProcessStartInfo("/bin/sh", command) { UseShellExecute = false, RedirectStandardOutput = true };
        using var child = Process.Start(start)!;
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(StartTimeout);
        try
        {
            var line = await child.StandardOutput.ReadLineAsync(limit.Token);
            for (; line?.StartsWith(StartReport.WarningMark, StringComparison.Ordinal) == true; line = await child.StandardOutput.ReadLineAsync(limit.Token))
                warn(line[StartReport.WarningMark.Length..]);
            if (line == StartReport.Ready)
                return (ExitCode.Ok, null);
            await child.WaitForExitAsync(limit.Token);
            line ??= $"the daemon ended with status {child.ExitCode} before it mounted; its log is {logFile}";
            return (Math.Max(child.ExitCode, ExitCode.Failed), line);
        }
        catch (OperationCanceledException)
        {
            await EndAsync(child);
            if (cancellation.IsCancellationRequested)
                throw;
            return (ExitCode.Failed, $"the mount did not answer within {StartTimeout.TotalMinutes:0} minutes; the daemon's log is {logFile}");
        }
    }

    /// <summary>Here, since a shell that cannot has words of its own for it.</summary>
    private static void MakeLog(string logFile)
    {
        try
        {
            // Mostly the cache directory, which is its owner's alone.
            PrivateDirectory.Create(Path.GetDirectoryName(logFile)!);
            new FileStream(logFile, FileMode.Append).Dispose();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CommandException($"the log {logFile} cannot be written: {IoReason.Of(e, logFile)}; it lies in the cache unless --log-file FILE says where");
        }
    }

    /// <summary>It may have mounted by now: only SIGTERM unmounts.</summary>
    private static async Task EndAsync(Process child)
    {
        using (var kill = Process.Start("/bin/sh", ["-c", $"kill -TERM {child.Id}"]))
            await kill.WaitForExitAsync();
        using var limit = new CancellationTokenSource(EndTimeout);
        try
        {
            await child.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            child.Kill();
        }
    }
}
