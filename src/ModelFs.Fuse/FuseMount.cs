using Microsoft.Extensions.Logging;
using ModelFs.Fuse.Device;
using ModelFs.Fuse.Mounting;

namespace ModelFs.Fuse;

/// <summary>A filesystem that is mounted. Disposing it unmounts, lazily if somebody still uses it, and waits for the session to end.</summary>
public sealed class FuseMount : IAsyncDisposable
{
    /// <summary>The kernel sends INIT with the mount; more than a moment means that it never will.</summary>
    private static readonly TimeSpan HandshakeTimeout = TimeSpan.FromSeconds(10);

    /// <summary>
    /// How long those who have files open keep them after the unmount before their connection is ended, and how long
    /// handlers may take to notice. Short against the 30 s that Kubernetes and systemd grant a stop in all.
    /// </summary>
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(2);

    private readonly KernelDevice device;
    private readonly ILogger logger;

    /// <summary>Null if the mount was gone from the table before it could be found there.</summary>
    private readonly MountEntry? entry;
    private readonly Lock gate = new();
    private Task? unmounting;

    private FuseMount(string mountPoint, MountEntry? entry, KernelDevice device, FuseSession session, ILogger logger)
    {
        MountPoint = mountPoint;
        this.entry = entry;
        this.device = device;
        Session = session;
        this.logger = logger;
    }

    /// <summary>Absolute and without symbolic links, as mountinfo has it.</summary>
    public string MountPoint { get; }

    /// <summary>Completes when the kernel has ended the connection: unmounted by whomever, or aborted. It never fails.</summary>
    public Task Completion => Session.Completion;

    public FuseSession Session { get; }

    /// <summary>Mounts <paramref name="fileSystem"/>: <c>mount(2)</c> with CAP_SYS_ADMIN, else <c>fusermount3</c>. Returns when the mount answers.</summary>
    /// <param name="mountPoint">An empty directory; it is created if its parent exists. Dead mounts of the same type on it are detached.</param>
    /// <exception cref="FuseMountException">It says what is wrong with the mount point, the device or the helper, and what to do.</exception>
    public static async Task<FuseMount> MountAsync(
        string mountPoint, FuseFileSystem fileSystem, FuseMountOptions options, ILoggerFactory logs, CancellationToken cancellation = default)
    {
        options.Validate();
        ILogger logger = logs.CreateLogger<FuseMount>();
        FuseMount mount = await Task.Run(() => Mount(mountPoint, fileSystem, options, logs, logger), cancellation).ConfigureAwait(false);
        try
        {
            mount.Session.Start();
            await mount.Session.Ready.WaitAsync(HandshakeTimeout, cancellation).ConfigureAwait(false);
        }
        catch (Exception failure)
        {
            await mount.DisposeAsync().ConfigureAwait(false);
            if (failure is TimeoutException)
            {
                throw new FuseMountException(
                    $"{mount.MountPoint}: the kernel did not begin the conversation within {HandshakeTimeout.TotalSeconds:0} s", failure);
            }

            throw;
        }

        mount.SetReadAhead(options.ReadAheadKiB);
        Log.Mounted(logger, mount.MountPoint, options.FileSystemType);
        return mount;
    }

    /// <summary>May be called more than once, and after somebody else has unmounted.</summary>
    public ValueTask DisposeAsync()
    {
        lock (gate)
            return new ValueTask(unmounting ??= Task.Run(UnmountAsync));
    }

    private static FuseMount Mount(string mountPoint, FuseFileSystem fileSystem, FuseMountOptions options, ILoggerFactory logs, ILogger logger)
    {
        string path = MountPointCheck.Prepare(mountPoint, options.FileSystemType, logger);
        KernelDevice device = Mounter.Mount(path, options, logger);
        var session = new FuseSession(device, fileSystem, options, logs);
        return new FuseMount(path, MountTable.FindTop(MountTable.Read(), path), device, session, logger);
    }

    private void SetReadAhead(int kibibytes)
    {
        if (entry is not null && new ConnectionControl(entry.Device).TrySetReadAhead(kibibytes, out string path) is { } reason)
            Log.ReadAheadNotSet(logger, path, reason);
    }

    private async Task UnmountAsync()
    {
        Detach();
        if (!await IsDoneWithin(Session.Completion).ConfigureAwait(false))
        {
            // Only while it lives: afterwards its number may be another mount's.
            if (entry is not null && device.IsConnected && new ConnectionControl(entry.Device).TryAbort())
                Log.ConnectionAborted(logger, MountPoint);
            if (!await IsDoneWithin(Session.Completion).ConfigureAwait(false))
                Log.ConnectionLingers(logger, MountPoint);
        }

        // Whoever disposes the mount disposes next what the handlers use.
        if (Completion.IsCompleted && !await IsDoneWithin(Session.Drained).ConfigureAwait(false))
            Log.HandlersLeft(logger, MountPoint, Session.Pending?.Count ?? 0);
        device.Dispose();
    }

    private void Detach()
    {
        // Only if it is still ours: the path may have been unmounted, and mounted again, by somebody else.
        if (entry is null || MountTable.FindTop(MountTable.Read(), MountPoint) != entry)
            return;
        // The numbers of an ended mount are given to the next one, so then only a dead mount can be this one.
        if (!device.IsConnected && !MountPointCheck.IsDead(MountPoint))
            return;

        try
        {
            Unmounter.Detach(MountPoint);
        }
        catch (FuseMountException failure)
        {
            Log.NotUnmounted(logger, MountPoint, failure.Message);
        }
    }

    private static async Task<bool> IsDoneWithin(Task end)
    {
        try
        {
            await end.WaitAsync(Grace).ConfigureAwait(false);
            return true;
        }
        catch (TimeoutException)
        {
            return false;
        }
    }
}

/// <summary>What keeps a filesystem from being mounted or unmounted, and what to do about it.</summary>
public sealed class FuseMountException(string message, Exception? inner = null) : Exception(message, inner);
