using System.Diagnostics;

namespace ModelFs.Tests.Harness;

public sealed record ShellResult(int ExitCode, string Output, string Error)
{
    public IReadOnlyList<string> Lines => Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
}

/// <summary>Commands of an engineer at a shell. The process touches the mount, never the test.</summary>
public static class Shell
{
    /// <summary>The longest takes 11 s on two idle cores: this is for one that hangs, on a busy machine too.</summary>
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(5);

    public static async Task<ShellResult> RunAsync(string command)
    {
        // timeout(1) ends the whole of the pipeline when a mount hangs.
        using var shell = Process.Start(new ProcessStartInfo("timeout", ["-s", "KILL", $"{Limit.TotalSeconds}", "bash", "-c", command])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        shell.StandardInput.Close();
        var output = shell.StandardOutput.ReadToEndAsync();
        var error = shell.StandardError.ReadToEndAsync();
        await shell.WaitForExitAsync().WaitAsync(Limit + TimeSpan.FromSeconds(10));
        return new ShellResult(shell.ExitCode, await output, await error);
    }

    /// <summary>Runs a command again and again until its result is the one that is awaited.</summary>
    public static async Task<ShellResult> UntilAsync(string command, Func<ShellResult, bool> holds)
    {
        for (var start = Stopwatch.GetTimestamp(); ; await Task.Delay(50))
        {
            var result = await RunAsync(command);
            if (holds(result))
                return result;
            if (Stopwatch.GetElapsedTime(start) > TimeSpan.FromMinutes(1))
                throw new TimeoutException($"{command} still says: {result.Output}{result.Error}");
        }
    }
}
