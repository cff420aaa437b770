using System.Diagnostics;
using Microsoft.Extensions.Logging;
using ModelFs.Cache;
using ModelFs.Configuration;
using ModelFs.Vfs;

namespace ModelFs.Control;

/// <summary>Where a verb gets its answers: the daemon of the mount that it was given a path of, the daemon of the cache, or this process.</summary>
internal static class StoreFinder
{
    /// <summary>A daemon that is just starting, or another verb that is just ending, holds the cache for no longer.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    /// <summary>Opens a store and says what the paths are called in it.</summary>
    public static async Task<(IStore Store, IReadOnlyList<string> Paths)> OpenAsync(
        ModelFsOptions options, IReadOnlyList<string> paths, ILoggerFactory logs, CancellationToken cancellation)
    {
        string? socket = null;
        var treePaths = new List<string>();
        foreach (var path in paths)
        {
            if (!IsFilePath(path, options))
            {
                treePaths.Add(path);
                continue;
            }

            var (mount, below) = MountPoints.Split(path)
                ?? throw new CommandException(
                    $"{path} lies under no mount of modelfs; a path of the tree is written MLFLOW/iris/champion, without a slash or dot before it");
            var itsSocket = ControlSocket.FindByMount(mount) ?? ControlSocket.Find(options.Cache);
            treePaths.Add(await IsOfTreeAsync(path, below, itsSocket, cancellation) ? path : below);
            socket ??= itsSocket;
            if (socket != itsSocket)
                throw new CommandException($"{path} lies under another mount than {paths[0]}; ask for them one by one");
        }

        return (await OpenAsync(options, socket ?? ControlSocket.Find(options.Cache), logs, cancellation), treePaths);
    }

    /// <summary>Also one without a dot before it, as a shell completes it, where it lies under a mount and no registry is called so.</summary>
    private static bool IsFilePath(string path, ModelFsOptions options)
    {
        var first = path.Split('/')[0];
        return first is "" or "." or ".."
            || (!path.StartsWith(ModelUri.Scheme, StringComparison.Ordinal) && options.Registries.All(r => r.Name != first) && MountPoints.Split(path) is not null);
    }

    /// <summary>Whoever stands in a directory of a mount writes paths of its tree as anywhere else: one that begins with a registry of the mount is none of that directory.</summary>
    private static async Task<bool> IsOfTreeAsync(string path, string below, string socket, CancellationToken cancellation)
    {
        var first = path.Split('/')[0];
        if (first is "" or "." or ".." || path == below || await DaemonStore.ConnectAsync(socket, cancellation) is not { } daemon)
            return false;
        await using (daemon)
            return (await daemon.ListRegistriesAsync(cancellation)).Contains(first);
    }

    private static async Task<IStore> OpenAsync(ModelFsOptions options, string socket, ILoggerFactory logs, CancellationToken cancellation)
    {
        for (var start = Stopwatch.GetTimestamp(); ; await Task.Delay(100, cancellation))
        {
            if (await DaemonStore.ConnectAsync(socket, cancellation) is { } daemon)
                return daemon;
            try
            {
                return await LocalStore.OpenAsync(options, keepsLimits: false, logs, cancellation);
            }
            catch (CacheInUseException e)
            {
                if (Stopwatch.GetElapsedTime(start) > Patience)
                    throw new CommandException($"{e.Message}; and nobody answers on its socket {socket}");
            }
        }
    }
}
