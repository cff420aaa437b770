using System.Net.Sockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using ModelFs.Cache;
using ModelFs.Configuration;
using ModelFs.Control;
using ModelFs.Fuse;
using ModelFs.Monitoring;
using ModelFs.Prefetching;
using ModelFs.Registries;

namespace ModelFs.Hosting;

/// <summary>The daemon: store, mount and control socket, from the first to SIGTERM.</summary>
internal static class MountHost
{
    /// <summary>What is still in flight when the daemon has to go gets this long.</summary>
    private static readonly TimeSpan ShutdownTimeout = TimeSpan.FromSeconds(10);

    /// <summary>For a registry that hangs. One that is well answers in milliseconds, one that is down is refused within a second or two.</summary>
    private static readonly TimeSpan WarnWithin = TimeSpan.FromSeconds(10);

    /// <summary>A disk that answers does so in milliseconds.</summary>
    private static readonly TimeSpan LookWithin = TimeSpan.FromSeconds(5);

    /// <summary>How long a configured pin may stay where its alias pointed before.</summary>
    private static readonly TimeSpan PinsEvery = TimeSpan.FromSeconds(5);

    public static async Task RunAsync(
        ModelFsOptions options, IReadOnlyList<string> warnings, string mountPoint, StartReport report, CancellationToken cancellation)
    {
        LocalStore.RequireRegistries(options);
        await RequireLocalStoresAsync(options, cancellation);
        using var logs = Logging.Create(options, LogLevel.Information);
        foreach (var warning in warnings)
        {
            Log.ConfigurationWarning(logs.CreateLogger("ModelFs.Configuration"), warning);
            report.Warn(warning);
        }

        try
        {
            using var health = new Health();
            using var process = new Metrics(LocalStore.Version);
            using var export = OtlpExport.Start(LocalStore.Version);
            // Before the store: a probe sees that it is being opened, and a port that is taken costs no mount.
            await using var monitor = options.Metrics is { } endPoint ? await MonitorServer.StartAsync(endPoint, health, logs, cancellation) : null;
            await using var store = await LocalStore.OpenAsync(options, keepsLimits: true, logs, cancellation);
            await using var app = Build(options, mountPoint, store, health, logs);
            try
            {
                await StartAsync(app, cancellation);
                if (report != StartReport.None)
                    await WarnAsync(store, options, report, cancellation);
                report.Send(StartReport.Ready);
                await app.WaitForShutdownAsync(cancellation);
            }
            finally
            {
                ControlSocket.Remove(options, mountPoint);
            }
        }
        catch (CacheInUseException e)
        {
            throw new CommandException(await DaemonStore.FindMountAsync(options.Cache, cancellation) is { } holder ? $"{e.Message} It serves {holder}: modelfs umount {holder} stops it." : e.Message);
        }
        catch (Exception e) when (e is FuseMountException or IOException or UnauthorizedAccessException or SocketException)
        {
            throw new CommandException(e.Message);
        }
    }

    /// <summary>Whoever types a path wants to know that nothing is there. What a file or variable names may come later, as a disk or a share does: it heals by itself.</summary>
    private static async Task RequireLocalStoresAsync(ModelFsOptions options, CancellationToken cancellation)
    {
        foreach (var registry in options.Registries.Where(r => options.RegistrySources.GetValueOrDefault(r.Name) == ConfigurationReader.RegistryFlag))
        {
            if (RegistryFactory.LocalPath(registry) is not { } path)
                continue;
            // A share that hangs is there, if it does not answer.
            var isThere = Task.Run(() => Path.Exists(path), cancellation);
            if (await Task.WhenAny(isThere, Task.Delay(LookWithin, cancellation)) == isThere && !await isThere)
                throw new ConfigurationException($"{ConfigurationReader.RegistryFlag}: registry {registry.Name} is to be {path}, and there is no such file or directory; correct the path, or make the store first");
        }
    }

    /// <summary>Whoever starts a daemon reads no log: a registry that cannot be used is said to them.</summary>
    private static async Task WarnAsync(LocalStore store, ModelFsOptions options, StartReport report, CancellationToken cancellation)
    {
        var answers = await Task.WhenAll(options.Registries.Select(registry => store.PingAsync(registry.Name, WarnWithin, cancellation)));
        foreach (var answer in answers.Where(a => !a.Answers))
            report.Warn(answer.Warning);
    }

    /// <summary>A start that fails half-way undoes the half: no mount stays behind because a socket could not be bound.</summary>
    private static async Task StartAsync(WebApplication app, CancellationToken cancellation)
    {
        try
        {
            await app.StartAsync(cancellation);
        }
        catch
        {
            await app.StopAsync(CancellationToken.None);
            throw;
        }
    }

    private static WebApplication Build(ModelFsOptions options, string mountPoint, LocalStore store, Health health, ILoggerFactory logs)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions { ApplicationName = MountPoints.Name });
        builder.Services.Replace(ServiceDescriptor.Singleton(logs));
        builder.Services.Configure<HostOptions>(o => o.ShutdownTimeout = ShutdownTimeout);
        builder.Services.Configure<ConsoleLifetimeOptions>(o => o.SuppressStatusMessages = true);
        builder.Services.AddSingleton(services =>
            new MountSession(mountPoint, options, store, health, logs, services.GetRequiredService<IHostApplicationLifetime>()));
        builder.Services.AddHostedService(services => services.GetRequiredService<MountSession>());
        // After the mount: whoever starts to read at once comes first.
        if (options.Prefetch.Count > 0)
            builder.Services.AddHostedService(_ => new WarmPaths(store, options.Prefetch, options.AliasTtl, TimeProvider.System, logs.CreateLogger("ModelFs.Prefetch")));
        builder.Services.AddHostedService(_ => new ConfiguredPins(
            options.Registries, PinsEvery, store.Tree, store.Inventory, logs.CreateLogger("ModelFs.Pins"), TimeProvider.System));
        ControlServer.Listen(builder.WebHost, () => ControlSocket.Bind(options, mountPoint));
        var app = builder.Build();
        var session = app.Services.GetRequiredService<MountSession>();
        var since = TimeProvider.System.GetUtcNow();
        ControlServer.Map(app, store, () => new DaemonReport(Environment.ProcessId, since, mountPoint, session.PassthroughObstacle));
        return app;
    }
}
