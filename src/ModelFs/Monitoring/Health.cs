using ModelFs.Fuse;

namespace ModelFs.Monitoring;

/// <summary>How the daemon is, for probes: each answer comes within a second, and asks neither a registry nor a disk.</summary>
internal sealed class Health : IDisposable
{
    /// <summary>Below a second, which is what a probe waits by default.</summary>
    private static readonly TimeSpan Limit = TimeSpan.FromMilliseconds(800);

    private volatile FuseMount? mount;
    private volatile ProbeProcess? probe;
    private volatile bool stopping;

    /// <summary>The mount answers: it has done so once.</summary>
    public void Mounted(FuseMount started)
    {
        var process = new ProbeProcess(started.MountPoint);
        // So that the process is there when somebody first asks.
        _ = process.AskAsync(Limit);
        probe = process;
        mount = started;
    }

    public void Stopping() => stopping = true;

    /// <returns>What is wrong, or null.</returns>
    public string? WhyNotStarted() => mount is null ? "nothing is mounted yet" : null;

    /// <summary>Whether readers may come: the mount is in its place, and a request of it is answered. A registry that is down does not count.</summary>
    public async Task<string?> WhyNotReadyAsync()
    {
        if (mount is not { } running)
            return WhyNotStarted();
        if (stopping)
            return "the daemon is ending";
        return await probe!.AskAsync(Limit) switch
        {
            MountState.Answers => null,
            MountState.Gone => $"{running.MountPoint} is not mounted any more",
            _ => $"{running.MountPoint} does not answer",
        };
    }

    /// <summary>Whether the session serves requests; where it does not, a restart is what helps. Before the mount and while it ends, it would not.</summary>
    public async Task<string?> WhyNotLiveAsync() =>
        mount is { } running && !stopping && await probe!.AskAsync(Limit) is not (MountState.Answers or MountState.Gone)
            ? $"{running.MountPoint} does not answer"
            : null;

    public void Dispose() => probe?.Dispose();
}
