using System.Diagnostics;
using System.Net.Sockets;
using System.Text;
using ModelFs.Control;
using ModelFs.Fuse;

namespace ModelFs.Tests.Harness;

/// <param name="Output">Standard output as bytes, as text in <see cref="OutputText"/>.</param>
public sealed record RunResult(int ExitCode, byte[] Output, string Errors)
{
    public string OutputText => Encoding.UTF8.GetString(Output);
}

/// <summary>The built <c>modelfs</c>, run for real. It sees no <c>MODELFS_*</c> and <c>MLFLOW_*</c> variables but those a test gives it.</summary>
public sealed class ModelFsProcess : IAsyncDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    private readonly Process process;
    private readonly StringBuilder log = new();
    private readonly StringBuilder output = new();

    private ModelFsProcess(Process process, string? mountPoint)
    {
        this.process = process;
        MountPoint = mountPoint ?? "";
        process.ErrorDataReceived += (_, line) => Append(log, line.Data);
        process.OutputDataReceived += (_, line) => Append(output, line.Data);
        process.BeginErrorReadLine();
        process.BeginOutputReadLine();
    }

    public static string Executable { get; } = Path.Combine(AppContext.BaseDirectory, "modelfs");

    public int Id => process.Id;

    /// <summary>Where it was told to mount; empty for a verb that mounts nothing.</summary>
    public string MountPoint { get; }

    /// <summary>What the process has written to standard error so far.</summary>
    public string Log => Text(log);

    /// <summary>What the process has written to standard output so far.</summary>
    public string Output => Text(output);

    public bool HasExited => process.HasExited;

    /// <summary>Runs a verb to its end.</summary>
    public static async Task<RunResult> RunAsync(
        IEnumerable<string> arguments, IReadOnlyDictionary<string, string>? environment = null, string? workingDirectory = null, TimeSpan? limit = null)
    {
        using var process = Process.Start(StartInfo(arguments, environment, workingDirectory))!;
        var output = new MemoryStream();
        using var time = new CancellationTokenSource(limit ?? Limit);
        try
        {
            process.StandardInput.Close();
            var errors = process.StandardError.ReadToEndAsync(time.Token);
            await process.StandardOutput.BaseStream.CopyToAsync(output, time.Token);
            await process.WaitForExitAsync(time.Token);
            return new RunResult(process.ExitCode, output.ToArray(), await errors);
        }
        catch (OperationCanceledException)
        {
            process.Kill();
            throw new TimeoutException($"modelfs {string.Join(' ', arguments)} did not end; so far it wrote: {Encoding.UTF8.GetString(output.ToArray())}");
        }
    }

    /// <summary>Starts a verb that runs until it is told to end.</summary>
    public static ModelFsProcess Start(IEnumerable<string> arguments, IReadOnlyDictionary<string, string>? environment = null) =>
        new(Process.Start(StartInfo(arguments, environment, null))!, null);

    /// <summary>Starts <c>modelfs mount</c> in the foreground and waits until the mount answers.</summary>
    /// <param name="scratch">Where the mount point and the cache lie side by side.</param>
    public static async Task<ModelFsProcess> MountAsync(
        Scratch scratch,
        IEnumerable<string> arguments,
        IReadOnlyDictionary<string, string>? environment = null,
        string mountName = "mnt",
        string cacheName = "cache",
        string? workingDirectory = null)
    {
        var mountPoint = scratch[mountName];
        Directory.CreateDirectory(mountPoint);
        var start = StartInfo(["mount", mountPoint, "--cache", scratch[cacheName], .. arguments], environment, workingDirectory);
        var mounted = new ModelFsProcess(Process.Start(start)!, mountPoint);
        try
        {
            // The socket is bound when the mount answers; a corpse's is there too, but nobody takes calls on it.
            await WaitForAsync(() => mounted.HasExited || TakesCalls(ControlSocket.Find(scratch[cacheName])), "the mount");
            if (mounted.HasExited)
                throw new InvalidOperationException($"modelfs mount ended with {mounted.process.ExitCode}: {mounted.Log}");
            // On a thread of its own: a mount that hangs fails this test, and no other.
            await InTimeAsync(() => Directory.Exists(mountPoint));
            return mounted;
        }
        catch
        {
            await mounted.DisposeAsync();
            throw;
        }
    }

    public static bool IsMounted(string mountPoint) => MountTable.Read().Any(m => m.MountPoint == mountPoint && m.FileSystemType == "fuse.modelfs");

    /// <summary>Waits for something that takes a while, and fails when it takes far longer than that.</summary>
    public static async Task WaitForAsync(Func<bool> holds, string what, TimeSpan? limit = null)
    {
        for (var start = Stopwatch.GetTimestamp(); !holds(); await Task.Delay(20))
            if (Stopwatch.GetElapsedTime(start) > (limit ?? Limit))
                throw new TimeoutException($"waited for {what}");
    }

    /// <summary>Touches a mount on a thread of its own, within a time limit.</summary>
    public static Task<T> InTimeAsync<T>(Func<T> touch) =>
        Task.Factory.StartNew(touch, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default).WaitAsync(Limit);

    /// <summary>SIGTERM, and waits for the end.</summary>
    /// <returns>The exit code.</returns>
    public Task<int> TerminateAsync() => SignalAsync("TERM");

    /// <summary>SIGINT, as Ctrl-C sends it, and waits for the end.</summary>
    public Task<int> InterruptAsync() => SignalAsync("INT");

    /// <summary>SIGKILL: no word of farewell, and the corpse of a mount.</summary>
    public Task<int> KillAsync() => SignalAsync("KILL");

    /// <summary>SIGKILL, and waits until it is dead; nothing if it has ended by itself.</summary>
    public void Kill()
    {
        process.Kill();
        Assert.True(process.WaitForExit(Limit));
    }

    public async Task<int> WaitForExitAsync()
    {
        using var time = new CancellationTokenSource(Limit);
        await process.WaitForExitAsync(time.Token);
        return process.ExitCode;
    }

    public async ValueTask DisposeAsync()
    {
        if (!process.HasExited)
        {
            process.Kill();
            await WaitForExitAsync();
        }

        process.Dispose();
        if (MountPoint.Length == 0)
            return;
        MountTable.DetachAll(MountPoint, "fuse.modelfs");
        ControlSocket.Forget(MountPoint);
    }

    private static ProcessStartInfo StartInfo(IEnumerable<string> arguments, IReadOnlyDictionary<string, string>? environment, string? workingDirectory)
    {
        var start = new ProcessStartInfo(Executable, arguments)
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = workingDirectory ?? Path.GetTempPath(),
        };
        foreach (var name in start.Environment.Keys.Where(k => k.Split('_')[0] is "MODELFS" or "MLFLOW").ToList())
            start.Environment.Remove(name);
        foreach (var (name, value) in environment ?? new Dictionary<string, string>())
            start.Environment[name] = value;
        return start;
    }

    private static void Append(StringBuilder text, string? line)
    {
        lock (text)
            text.AppendLine(line);
    }

    private static string Text(StringBuilder text)
    {
        lock (text)
            return text.ToString();
    }

    private static bool TakesCalls(string path)
    {
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            socket.Connect(new UnixDomainSocketEndPoint(path));
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    private async Task<int> SignalAsync(string signal)
    {
        using var kill = Process.Start("/bin/sh", ["-c", $"kill -{signal} {process.Id}"]);
        await kill.WaitForExitAsync();
        return await WaitForExitAsync();
    }
}
