using ModelFs.Fuse;

namespace ModelFs.Control;

/// <summary>Our mounts, found in mountinfo: a dead or hung one is never touched.</summary>
internal static class MountPoints
{
    public const string Name = "modelfs";

    public const string FileSystemType = "fuse." + Name;

    public static IReadOnlyList<string> All() =>
        [.. MountTable.Read().Where(m => m.FileSystemType == FileSystemType).Select(m => m.MountPoint).Distinct()];

    /// <summary>Those whose daemon left word where it listens and listens no more: it was killed. Of another user's mounts nothing is known.</summary>
    public static async Task<IReadOnlyList<string>> DeadAsync(CancellationToken cancellation)
    {
        var dead = new List<string>();
        foreach (var mountPoint in All())
        {
            try
            {
                if (ControlSocket.FindByMount(mountPoint) is not { } socket)
                    continue;
                await using var daemon = await DaemonStore.ConnectAsync(socket, cancellation);
                if (daemon is null)
                    dead.Add(mountPoint);
            }
            catch (CommandException)
            {
                // Somebody listens there, if not to us.
            }
        }

        return dead;
    }

    /// <summary>The path with its links followed, up to the first of our mounts: below that, they are the tree's to follow.</summary>
    public static string RealPath(string path)
    {
        var mounts = All();
        var pending = new Stack<string>(Path.GetFullPath(path).Split('/', StringSplitOptions.RemoveEmptyEntries).Reverse());
        var real = "/";
        // Linux gives up after 40 links too.
        for (var links = 0; pending.Count > 0;)
        {
            if (mounts.Contains(real))
                return Path.Combine([real, .. pending]);
            var next = pending.Pop();
            if (next == "..")
            {
                real = Path.GetDirectoryName(real) ?? "/";
                continue;
            }

            var candidate = Path.Combine(real, next);
            if (!mounts.Contains(candidate) && links < 40 && Target(candidate) is { } target)
            {
                links++;
                real = target.StartsWith('/') ? "/" : real;
                foreach (var part in target.Split('/', StringSplitOptions.RemoveEmptyEntries).Where(p => p != ".").Reverse())
                    pending.Push(part);
            }
            else
                real = candidate;
        }

        return real;
    }

    /// <summary>What is wrong with a mount point for this cache, both without links: the mount would hide what it is served from, or serve from within itself.</summary>
    public static string? Entanglement(string mountPoint, string cache) =>
        IsWithin(mountPoint, cache) ? $"{mountPoint} lies in the cache"
        : IsWithin(cache, mountPoint) ? $"{mountPoint} has the cache in it"
        : null;

    /// <summary>The mount that a file's path lies under, and the path within its tree; null where it lies under none.</summary>
    public static (string MountPoint, string TreePath)? Split(string path)
    {
        var real = RealPath(path);
        var mount = All().Where(m => IsWithin(real, m)).MaxBy(m => m.Length);
        return mount is null ? null : (mount, real[mount.Length..].TrimStart('/'));
    }

    private static bool IsWithin(string path, string directory) => path == directory || path.StartsWith(directory + "/", StringComparison.Ordinal);

    private static string? Target(string path)
    {
        try
        {
            return new FileInfo(path).LinkTarget;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
