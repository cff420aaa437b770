using Microsoft.Extensions.Logging;

namespace ModelFs.Fuse;

/// <summary>A filesystem that is mounted. Disposing it unmounts, lazily if somebody still uses it, and waits for the session to end.</summary>
public sealed class FuseMount : IAsyncDisposable
{
    public string MountPoint => throw new NotImplementedException();

    /// <summary>Completes when the kernel has ended the connection: unmounted by whomever, or aborted.</summary>
    public Task Completion => throw new NotImplementedException();

    public FuseSession Session => throw new NotImplementedException();

    /// <summary>Mounts <paramref name="fileSystem"/>: <c>mount(2)</c> with CAP_SYS_ADMIN, else <c>fusermount3</c>. Returns when the mount answers.</summary>
    /// <exception cref="FuseMountException">It says what is wrong with the mount point, the device or the helper, and what to do.</exception>
    public static Task<FuseMount> MountAsync(string mountPoint, FuseFileSystem fileSystem, FuseMountOptions options, ILoggerFactory logs, CancellationToken cancellation = default) =>
        throw new NotImplementedException();

    public ValueTask DisposeAsync() => throw new NotImplementedException();
}

public sealed class FuseMountException(string message, Exception? inner = null) : Exception(message, inner);
