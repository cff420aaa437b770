using ModelFs.Control;
using ModelFs.Fuse;

namespace ModelFs.Monitoring;

/// <summary>How the daemon is, for probes: each answer comes within a second, and asks neither a registry nor a disk nor the mount.</summary>
/// <remarks>
/// A daemon that touched its own mount could wait for itself for ever. So the kernel is asked to put something into the queue of
/// the mount's requests (<see cref="FuseSession.AnswersAsync"/>), which takes the way of every read but for the handler.
/// </remarks>
internal sealed class Health
{
    /// <summary>Below a second, which is what a probe waits by default.</summary>
    private static readonly TimeSpan Limit = TimeSpan.FromMilliseconds(800);

    private volatile FuseMount? mount;
    private volatile bool stopping;

    /// <summary>The mount answers: it has done so once.</summary>
    public void Mounted(FuseMount started) => mount = started;

    public void Stopping() => stopping = true;

    /// <returns>What is wrong, or null.</returns>
    public string? WhyNotStarted() => mount is null ? "nothing is mounted yet" : null;

    /// <summary>Whether readers may come: the mount is in its place, and its requests reach the session. A registry that is down does not count.</summary>
    public async Task<string?> WhyNotReadyAsync()
    {
        if (mount is not { } running)
            return WhyNotStarted();
        if (stopping)
            return "the daemon is ending";
        var isMounted = Task.Run(() => MountTable.Read().Any(m => m.MountPoint == running.MountPoint && m.FileSystemType == MountPoints.FileSystemType));
        var answers = running.Session.AnswersAsync(Limit);
        if (!await answers)
            return $"{running.MountPoint} does not answer";
        return await Task.WhenAny(isMounted, Task.Delay(Limit)) == isMounted && await isMounted ? null : $"{running.MountPoint} is not mounted any more";
    }

    /// <summary>Whether a restart would help: requests no longer reach the session. Before the mount and while it ends, it would not.</summary>
    public async Task<string?> WhyNotLiveAsync() =>
        mount is { } running && !stopping && !await running.Session.AnswersAsync(Limit) ? "no request reaches the session" : null;
}
