namespace ModelFs.Cache.Fetching;

/// <summary>How the last fetch of an object failed that did. Set under the object's lock.</summary>
internal sealed class FetchFailure(TimeProvider time)
{
    /// <summary>Keeps a storm of readers from becoming a storm of requests; short enough that the next read tries anew.</summary>
    private static readonly TimeSpan Floor = TimeSpan.FromMilliseconds(100);

    private int errno;
    private long at;

    /// <summary>In the source's words; null while none has failed.</summary>
    public string? Reason { get; private set; }

    public void Set(int errno, string? reason) => (this.errno, Reason, at) = (errno, reason, time.GetTimestamp());

    /// <summary>0, or the errno of a fetch that failed a moment ago.</summary>
    public int Refuse() => errno != 0 && time.GetElapsedTime(at) < Floor ? errno : 0;
}
