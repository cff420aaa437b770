using System.Diagnostics;

namespace ModelFs.Fuse.Tests.Mounting;

internal sealed record ToolResult(int ExitCode, string Output, string Error);

/// <summary>Real programs, never waited for without an end.</summary>
internal static class Tool
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    public static Task<ToolResult> ShellAsync(string script) => RunAsync("sh", "-c", script);

    public static async Task<ToolResult> RunAsync(string program, params string[] arguments)
    {
        using Process process = Start(program, arguments);
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> error = process.StandardError.ReadToEndAsync();
        await ExitAsync(process);
        return new ToolResult(process.ExitCode, await output, await error);
    }

    public static Process Start(string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["LC_ALL"] = "C";
        return Process.Start(start)!;
    }

    /// <exception cref="TimeoutException">It did not end; it was sent a SIGKILL.</exception>
    public static async Task ExitAsync(Process process)
    {
        try
        {
            await process.WaitForExitAsync().WaitAsync(Patience);
        }
        catch (TimeoutException)
        {
            process.Kill(entireProcessTree: true);
            throw;
        }
    }
}
