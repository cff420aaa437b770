using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using ModelFs.Cache;
using ModelFs.Configuration;
using ModelFs.Control;
using ModelFs.Fuse;
using ModelFs.Monitoring;
using ModelFs.Vfs;

namespace ModelFs.Hosting;

/// <summary>The mount, for as long as the host runs. When it ends from outside, so does the host.</summary>
internal sealed class MountSession(
    string mountPoint, ModelFsOptions options, LocalStore store, Health health, ILoggerFactory logs, IHostApplicationLifetime lifetime) : IHostedService
{
    /// <summary>The kernel reads so much around a page fault, without alignment: it touches four blocks at most, where 1 MiB would touch five.</summary>
    private const int ReadAheadKiB = 3 * CacheOptions.BlockSize >> 10;

    private readonly ILogger logger = logs.CreateLogger("ModelFs.Mount");
    private readonly ModelFileSystem fileSystem = new(store.Tree, logs);
    private readonly RegistryLinks? links = options.Links ? new(mountPoint, [.. options.Registries.Select(r => r.Name)], logs.CreateLogger<RegistryLinks>()) : null;
    private FuseMount? mount;
    private Task? ending;

    /// <summary>Why the kernel does not read complete files itself, or null.</summary>
    public string? PassthroughObstacle => fileSystem.PassthroughObstacle;

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        var mountOptions = new FuseMountOptions
        {
            Name = MountPoints.Name, AllowOther = options.AllowOther, RequestDeadline = options.RequestDeadline, ReadAheadKiB = ReadAheadKiB,
        };
        mount = await FuseMount.MountAsync(mountPoint, fileSystem, mountOptions, logs, cancellationToken);
        links?.Make();
        if (options.Metrics is not null)
            health.Mounted(mount);
        Log.Serving(logger, string.Join(", ", options.Registries.Select(r => r.Name)), mountPoint, options.Cache);
        // Before anything else stops, which may wait for a disk that hangs: nobody waits for us any more then.
        lifetime.ApplicationStopping.Register(() => ending = Task.Run(() => mount.DisposeAsync().AsTask()));
        _ = EndWithMountAsync(mount);
        _ = ReportRegistriesAsync();
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        health.Stopping();
        if (mount is not null)
        {
            links?.Remove();
            await (ending ?? mount.DisposeAsync().AsTask());
            Log.Unmounted(logger, mountPoint);
        }

        // After the mount: until that has ended, the kernel asks.
        fileSystem.Dispose();
    }

    private async Task EndWithMountAsync(FuseMount running)
    {
        await running.Completion.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (lifetime.ApplicationStopping.IsCancellationRequested)
            return;
        Log.UnmountedFromOutside(logger, mountPoint);
        lifetime.StopApplication();
    }

    /// <summary>The mount comes up whether or not registries answer; the log says at once which do not.</summary>
    private async Task ReportRegistriesAsync()
    {
        try
        {
            foreach (var registry in (await store.GetStatusAsync(lifetime.ApplicationStopping)).Registries)
                if (!registry.Answers)
                    Log.RegistryDown(logger, registry.Warning);
        }
        catch (OperationCanceledException)
        {
            // The host ends before the registries have answered.
        }
    }
}
