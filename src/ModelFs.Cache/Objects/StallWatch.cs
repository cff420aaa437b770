namespace ModelFs.Cache.Objects;

/// <summary>A disk that neither writes nor fails must not keep the memory of all blocks in flight: what waits for it is let go, unstored.</summary>
/// <remarks>Runs on a timer and touches no disk, so that it does not hang with it.</remarks>
internal sealed class StallWatch : IDisposable
{
    /// <summary>Longer than a busy disk takes for 256 KiB, shorter than a reader's patience.</summary>
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(3);

    private readonly CacheResources resources;
    private readonly ITimer timer;

    public StallWatch(CacheResources resources)
    {
        this.resources = resources;
        timer = resources.Time.CreateTimer(_ => Look(), null, TimeSpan.FromMilliseconds(500), TimeSpan.FromMilliseconds(500));
    }

    public void Dispose() => timer.Dispose();

    private void Look()
    {
        if (resources.Writers.LongestRun < Limit)
            return;
        resources.Health.Failed("the disk has not answered a write for seconds");
        foreach (var job in resources.Writers.Drain())
            ((WriteJob)job).GiveUp();
    }
}
