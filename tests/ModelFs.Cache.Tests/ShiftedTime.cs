namespace ModelFs.Cache.Tests;

/// <summary>The clock on the wall, set forward; what measures spans runs as ever.</summary>
public sealed class ShiftedTime : TimeProvider
{
    /// <summary>Whoever begins to wait for a time from now on waits for ever.</summary>
    public bool HoldsTimers { get; set; }

    public TimeSpan Ahead { get; set; }

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
        base.CreateTimer(callback, state, HoldsTimers ? Timeout.InfiniteTimeSpan : dueTime, period);

    public override DateTimeOffset GetUtcNow() => base.GetUtcNow() + Ahead;
}
