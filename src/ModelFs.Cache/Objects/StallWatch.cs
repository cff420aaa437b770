namespace ModelFs.Cache.Objects;

/// <summary>Sees a disk that hangs, and says so. It must not keep the memory of all blocks in flight: what waits for it is let go, unstored.</summary>
/// <remarks>Runs on a timer and touches no disk, so that it does not hang with it. While the disk hangs nothing more is tried on it, so that it has no more threads than it has taken.</remarks>
internal sealed class StallWatch : IDisposable
{
    private readonly CacheResources resources;
    private readonly Func<bool> isNameStalled;
    private readonly ITimer timer;
    private long? hung;

    /// <param name="isNameStalled">Whether what is kept of names waits for the disk.</param>
    public StallWatch(CacheResources resources, Func<bool> isNameStalled)
    {
        (this.resources, this.isNameStalled) = (resources, isNameStalled);
        timer = resources.Time.CreateTimer(_ => Look(), null, TimeSpan.FromMilliseconds(500), TimeSpan.FromMilliseconds(500));
    }

    /// <summary>The disk hangs.</summary>
    public bool IsHung => hung is not null;

    public void Dispose() => timer.Dispose();

    private void Look()
    {
        if (!resources.Writers.IsStalled && !resources.Readers.IsStalled && !isNameStalled())
        {
            // What else may have failed since is not forgotten.
            if (hung is { } last)
                resources.Health.Succeeded(last);
            hung = null;
            return;
        }

        resources.Health.Hung();
        hung = resources.Time.GetTimestamp();
        if (!resources.Writers.IsStalled)
            return;
        foreach (var job in resources.Writers.Drain())
            ((WriteJob)job).GiveUp();
    }
}
