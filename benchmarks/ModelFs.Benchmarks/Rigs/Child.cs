using System.Diagnostics;
using System.Globalization;

namespace ModelFs.Benchmarks.Rigs;

/// <summary>A process that this run has started, and ends.</summary>
internal sealed class Child : IAsyncDisposable
{
    private const double TicksPerSecond = 100; // USER_HZ, on every architecture that .NET runs on

    private static readonly TimeSpan StopTimeout = TimeSpan.FromSeconds(20);

    private readonly Process process;
    private readonly Task<string> errors;

    private Child(Process process)
    {
        this.process = process;
        errors = process.StandardError.ReadToEndAsync();
    }

    public int Id => process.Id;

    public string Name => process.StartInfo.FileName;

    public StreamWriter Input => process.StandardInput;

    public StreamReader Output => process.StandardOutput;

    public bool HasEnded => process.HasExited;

    public static Child Start(string program, params IEnumerable<string> arguments)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true,
        };
        // What is configured on this machine is no part of the measurement.
        foreach (var name in start.Environment.Keys.Where(key => key.Split('_')[0] is "MODELFS" or "MLFLOW" or "RCLONE").ToList())
            start.Environment.Remove(name);
        return new Child(Process.Start(start)!);
    }

    /// <summary>Runs a program to its end.</summary>
    /// <returns>Its standard output.</returns>
    /// <exception cref="BenchmarkException">It did not end with 0.</exception>
    public static async Task<string> RunAsync(string program, CancellationToken cancellation, params IEnumerable<string> arguments)
    {
        await using var child = Start(program, arguments);
        child.Input.Close();
        var output = await child.Output.ReadToEndAsync(cancellation);
        await child.process.WaitForExitAsync(cancellation);
        return child.process.ExitCode == 0 ? output : throw await child.FailureAsync();
    }

    /// <summary>User and system seconds so far, of all its threads.</summary>
    public double CpuSeconds() => CpuSeconds($"/proc/{Id}/stat", 13);

    /// <summary>User and system seconds of all children of this process that have ended.</summary>
    public static double CpuSecondsOfEnded() => CpuSeconds("/proc/self/stat", 15);

    /// <summary>A line of <c>/proc/PID/status</c> in bytes: <c>VmHWM</c>, <c>VmRSS</c>.</summary>
    public long Memory(string line) =>
        File.ReadLines($"/proc/{Id}/status").First(text => text.StartsWith(line + ":", StringComparison.Ordinal))
            .Split(' ', StringSplitOptions.RemoveEmptyEntries) is [.., var kilobytes, "kB"]
            ? long.Parse(kilobytes.Split('\t')[^1], CultureInfo.InvariantCulture) << 10
            : throw new BenchmarkException($"{Name} has no {line}");

    /// <summary>Why it ended, as far as it said.</summary>
    public async Task<BenchmarkException> FailureAsync()
    {
        await process.WaitForExitAsync();
        var last = (await errors).Trim().Split('\n')[^1];
        return new BenchmarkException($"{Path.GetFileName(Name)} {string.Join(' ', process.StartInfo.ArgumentList)} ended with {process.ExitCode}: {last}");
    }

    /// <summary>Asks it to end, waits, and in the end insists.</summary>
    public async Task StopAsync()
    {
        if (process.HasExited)
            return;
        _ = Linux.Signal(Id, Linux.SigTerm);
        using var limit = new CancellationTokenSource(StopTimeout);
        try
        {
            await process.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill();
            await process.WaitForExitAsync();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        process.Dispose();
    }

    private static double CpuSeconds(string file, int field)
    {
        // The program's name stands in parentheses and may hold anything; numbers follow the last one.
        var text = File.ReadAllText(file);
        var fields = text[(text.LastIndexOf(')') + 2)..].Split(' ');
        return (long.Parse(fields[field - 2], CultureInfo.InvariantCulture) + long.Parse(fields[field - 1], CultureInfo.InvariantCulture)) / TicksPerSecond;
    }
}
