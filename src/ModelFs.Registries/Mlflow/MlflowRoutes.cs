namespace ModelFs.Registries.Mlflow;

internal enum RouteState
{
    /// <summary>Not tried, or long enough ago that the server may be another by now.</summary>
    Unknown,

    /// <summary>Answers a range with that range.</summary>
    Ranges,

    /// <summary>Answers a range with the whole file.</summary>
    Whole,

    /// <summary>Is not there, or switched off.</summary>
    Absent,
}

/// <summary>What has been learned of one way to a file's bytes. Any thread; the last finding counts.</summary>
internal sealed class RouteMemory(TimeProvider time)
{
    // A server that is upgraded under a mount of many weeks gets another chance to show ranges.
    private static readonly TimeSpan Holds = TimeSpan.FromMinutes(10);

    private sealed record Finding(RouteState State, long At);

    private Finding? finding;

    public RouteState State
    {
        get
        {
            var known = Volatile.Read(ref finding);
            if (known is null) return RouteState.Unknown;
            return known.State == RouteState.Ranges || time.GetElapsedTime(known.At) < Holds ? known.State : RouteState.Unknown;
        }
    }

    /// <returns>Whether that is news.</returns>
    public bool Learn(RouteState state)
    {
        var before = Interlocked.Exchange(ref finding, new Finding(state, time.GetTimestamp()));
        return before?.State != state;
    }
}
