using System.Diagnostics;
using ModelFs.Cache.Crash;

namespace ModelFs.Cache.Tests;

/// <summary>The other process: <c>tests/ModelFs.Cache.Crash</c>.</summary>
internal sealed class CrashProcess : IDisposable
{
    private readonly Process process;

    public CrashProcess(params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet", [typeof(TestSource).Assembly.Location, .. arguments]) { RedirectStandardOutput = true, RedirectStandardInput = true };
        process = Process.Start(start)!;
    }

    public int Id => process.Id;

    public async Task<string?> ReadLineAsync() => await process.StandardOutput.ReadLineAsync().WaitAsync(TestCache.Patience);

    /// <summary>SIGKILL.</summary>
    public void Kill() => process.Kill();

    public async Task<int> WaitAsync()
    {
        await process.WaitForExitAsync().WaitAsync(TestCache.Patience);
        return process.ExitCode;
    }

    public void Dispose()
    {
        if (!process.HasExited)
            process.Kill();
        process.Dispose();
    }
}
