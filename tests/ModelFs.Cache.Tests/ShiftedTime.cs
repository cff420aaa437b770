namespace ModelFs.Cache.Tests;

/// <summary>The clock on the wall, set forward; what measures spans runs as ever.</summary>
public sealed class ShiftedTime : TimeProvider
{
    public TimeSpan Ahead { get; set; }

    public override DateTimeOffset GetUtcNow() => base.GetUtcNow() + Ahead;
}
