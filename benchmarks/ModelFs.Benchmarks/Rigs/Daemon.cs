using System.Diagnostics;
using ModelFs.Fuse;

namespace ModelFs.Benchmarks.Rigs;

/// <summary>A mount that a process of its own serves: ours, or rclone's.</summary>
internal sealed class Daemon : IAsyncDisposable
{
    private static readonly TimeSpan StartTimeout = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan SealTimeout = TimeSpan.FromMinutes(2);

#if DEBUG
    private const string Where = ""; // as it is built: the suite wants the rows, and nobody their figures
#else
    private const string Where = "published";
#endif

    /// <summary>As it is published, which is what users run.</summary>
    public static readonly string Program = Path.Combine(AppContext.BaseDirectory, Where, "modelfs");

    private readonly Child child;
    private readonly string mountPoint;
    private readonly string root;

    private Daemon(Child child, string mountPoint, string root) => (this.child, this.mountPoint, this.root) = (child, mountPoint, root);

    public Child Process => child;

    /// <summary>Mounts with an MLflow registry at the address.</summary>
    /// <param name="directory">Of the mount point; <c>cache</c> in it is the cache, and stays.</param>
    public static Task<Daemon> StartAsync(string directory, Uri registry, CancellationToken cancellation) =>
        StartAsync(directory, registry, [], cancellation);

    /// <param name="more">Further arguments of <c>modelfs mount</c>.</param>
    public static Task<Daemon> StartAsync(string directory, Uri registry, IReadOnlyList<string> more, CancellationToken cancellation) => StartAsync(
        directory, "MLFLOW", mountPoint => Child.Start(
            Program,
            ["mount", mountPoint, "--cache", CacheOf(directory), "--registry", $"MLFLOW=mlflow:{registry}", "--log-level", "warning", .. more]),
        cancellation);

    public static Task<Daemon> StartRcloneAsync(string directory, Uri server, CancellationToken cancellation) => StartAsync(
        directory, "", mountPoint => Child.Start(
            Tool.Rclone.Path,
            "mount", ":http:", mountPoint, "--http-url", $"{server}files/", "--vfs-cache-mode", "full", "--cache-dir", CacheOf(directory),
            "--read-only", "--config", "/dev/null", "--log-level", "ERROR"),
        cancellation);

    public static string CacheOf(string directory) => Path.Combine(directory, "cache");

    /// <summary>The directory of the registry.</summary>
    public string Models => Path.Combine(mountPoint, root);

    /// <summary>Of the one version that a model has.</summary>
    public string PathOf(string model, string file) => root.Length == 0
        ? Path.Combine(mountPoint, model, file)
        : Path.Combine(mountPoint, root, model, "1", file);

    /// <summary>Waits until the whole file is on disk and checked.</summary>
    /// <returns>How the next reader is served: <c>sealed</c> or <c>passthrough</c>.</returns>
    public static async Task<string> SealedAsync(string path, CancellationToken cancellation)
    {
        for (var start = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(start) < SealTimeout; await Task.Delay(10, cancellation))
        {
            var mode = Linux.Attribute(path, "user.modelfs.mode");
            if (mode is not (null or "lazy"))
                return mode;
        }

        throw new BenchmarkException($"{path} was not sealed within {SealTimeout.TotalSeconds:0} s of being read whole");
    }

    public async ValueTask DisposeAsync()
    {
        await child.DisposeAsync();
        MountTable.DetachAll(mountPoint, root.Length == 0 ? "fuse.rclone" : "fuse.modelfs");
    }

    private static async Task<Daemon> StartAsync(string directory, string root, Func<string, Child> start, CancellationToken cancellation)
    {
        var mountPoint = Directory.CreateDirectory(Path.Combine(directory, "mnt")).FullName;
        Directory.CreateDirectory(CacheOf(directory));
        var daemon = new Daemon(start(mountPoint), mountPoint, root);
        try
        {
            for (var begun = Stopwatch.GetTimestamp(); !IsMounted(mountPoint); await Task.Delay(5, cancellation))
            {
                if (daemon.child.HasEnded)
                    throw await daemon.child.FailureAsync();
                if (Stopwatch.GetElapsedTime(begun) > StartTimeout)
                    throw new BenchmarkException($"{daemon.child.Name} did not mount within {StartTimeout.TotalSeconds:0} s");
            }

            // The first answer: whoever reads next finds the mount at work.
            _ = Directory.GetFileSystemEntries(mountPoint);
            return daemon;
        }
        catch
        {
            await daemon.DisposeAsync();
            throw;
        }
    }

    private static bool IsMounted(string mountPoint) =>
        File.ReadLines("/proc/self/mountinfo").Any(line => line.Split(' ')[4] == mountPoint);
}
