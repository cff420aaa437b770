using System.Diagnostics;
using ModelFs.Configuration;
using ModelFs.Control;
using ModelFs.Fuse;
using ModelFs.Hosting;

namespace ModelFs.Demo;

/// <summary>The program once more, mounting the demonstration's server: what is read through it goes through another process.</summary>
internal sealed class DemoMount : IAsyncDisposable
{
    public static readonly TimeSpan AliasTtl = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan StartTimeout = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan StopTimeout = TimeSpan.FromSeconds(15);

    private readonly Process process;
    private readonly Task<string> errors;
    private readonly string socket;

    private DemoMount(Process process, string mountPoint, string cache)
    {
        this.process = process;
        errors = process.StandardError.ReadToEndAsync();
        MountPoint = mountPoint;
        Cache = cache;
        socket = ControlSocket.PathFor(new ModelFsOptions { Cache = cache });
    }

    public string MountPoint { get; }

    public string Cache { get; }

    /// <summary>Completes when the mounting process ends, for whatever reason.</summary>
    public Task Ended => process.WaitForExitAsync();

    /// <exception cref="CommandException">It does not mount; the message is what it said.</exception>
    public static async Task<DemoMount> StartAsync(Executable executable, string mountPoint, string cache, string server, CancellationToken cancellation)
    {
        Directory.CreateDirectory(mountPoint);
        var start = executable.StartInfo(
            "mount", mountPoint, "--registry", "MLFLOW=mlflow:" + server, "--cache", cache, "--cache-size", "1GiB", "--min-free", "16MiB",
            "--alias-ttl", $"{AliasTtl.Seconds}s", "--log-format", "human", "--log-level", "warning");
        start.RedirectStandardError = true;
        start.RedirectStandardInput = true;
        // What is configured on this machine is no part of the demonstration.
        foreach (var name in start.Environment.Keys.Where(k => k.Split('_')[0] is "MODELFS" or "MLFLOW").ToList())
            start.Environment.Remove(name);
        var mount = new DemoMount(Process.Start(start)!, mountPoint, cache);
        try
        {
            await mount.WaitUntilItAnswersAsync(cancellation);
            return mount;
        }
        catch
        {
            await mount.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        using var limit = new CancellationTokenSource(StopTimeout);
        try
        {
            if (await DaemonStore.ConnectAsync(socket, limit.Token) is { } daemon)
                await using (daemon)
                    await daemon.StopAsync(limit.Token);
            else if (!process.HasExited)
                process.Kill();
            await process.WaitForExitAsync(limit.Token);
        }
        catch (Exception e) when (e is CommandException or OperationCanceledException)
        {
            process.Kill();
        }

        // Nothing, after an orderly end.
        if (MountPoints.All().Contains(MountPoint))
            MountTable.DetachAll(MountPoint, MountPoints.FileSystemType);
        process.Dispose();
    }

    /// <summary>The socket is bound when the mount answers.</summary>
    private async Task WaitUntilItAnswersAsync(CancellationToken cancellation)
    {
        for (var start = Stopwatch.GetTimestamp(); ; await Task.Delay(10, cancellation))
        {
            if (await DaemonStore.ConnectAsync(socket, cancellation) is { } daemon)
            {
                await daemon.DisposeAsync();
                return;
            }

            if (process.HasExited)
            {
                var last = (await errors.WaitAsync(StopTimeout, cancellation)).Trim().Split('\n')[^1];
                throw new CommandException("the demonstration cannot mount: " + last.Replace("modelfs: ", "", StringComparison.Ordinal));
            }

            if (Stopwatch.GetElapsedTime(start) > StartTimeout)
                throw new CommandException($"the mount did not answer within {StartTimeout.TotalSeconds:0} s");
        }
    }
}
