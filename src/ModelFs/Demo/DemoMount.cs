using System.Diagnostics;
using ModelFs.Configuration;
using ModelFs.Control;
using ModelFs.Fuse;
using ModelFs.Hosting;

namespace ModelFs.Demo;

/// <summary>The program once more, mounting the demonstration's server: what is read through it goes through another process, as it does in earnest.</summary>
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
            "--alias-ttl", string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{AliasTtl.TotalMilliseconds}ms"), "--log-format", "human", "--log-level", "warning");
        start.RedirectStandardError = true;
        start.RedirectStandardInput = true;
        // What is configured on this machine is no part of the demonstration.
        foreach (var name in start.Environment.Keys.Where(k => k.StartsWith("MODELFS_", StringComparison.Ordinal) || k.StartsWith("MLFLOW_", StringComparison.Ordinal)).ToList())
            start.Environment.Remove(name);
        var mount = new DemoMount(Process.Start(start)!, mountPoint, cache);
        try
        {
            await mount.WaitUntilItAnswersAsync(cancellation).ConfigureAwait(false);
            return mount;
        }
        catch
        {
            await mount.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        using var limit = new CancellationTokenSource(StopTimeout);
        try
        {
            if (await DaemonStore.ConnectAsync(socket, limit.Token).ConfigureAwait(false) is { } daemon)
                await using (daemon)
                    await daemon.StopAsync(limit.Token).ConfigureAwait(false);
            else if (!process.HasExited)
                process.Kill();
            await process.WaitForExitAsync(limit.Token).ConfigureAwait(false);
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
        for (var start = Stopwatch.GetTimestamp(); ; await Task.Delay(10, cancellation).ConfigureAwait(false))
        {
            if (await DaemonStore.ConnectAsync(socket, cancellation).ConfigureAwait(false) is { } daemon)
            {
                await daemon.DisposeAsync().ConfigureAwait(false);
                return;
            }

            if (process.HasExited)
            {
                var said = (await errors.WaitAsync(StopTimeout, cancellation).ConfigureAwait(false)).Trim();
                throw new CommandException($"the demonstration cannot mount: {said[(said.LastIndexOf('\n') + 1)..].Replace("modelfs: ", "", StringComparison.Ordinal)}");
            }

            if (Stopwatch.GetElapsedTime(start) > StartTimeout)
                throw new CommandException($"the mount did not answer within {StartTimeout.TotalSeconds:0} s");
        }
    }
}
