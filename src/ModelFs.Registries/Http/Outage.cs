namespace ModelFs.Registries.Http;

/// <summary>Since when an origin does not answer, if it ever did. A proxy that is loaded anew, a pod that is replaced and a pause for garbage are over in seconds.</summary>
/// <param name="stall">The longest that is taken for one of these.</param>
internal sealed class Outage(TimeSpan stall, TimeProvider time)
{
    private const long None = long.MinValue;

    private long since = None;
    private volatile bool everAnswered;

    /// <summary>It answers, for all that is known, or did so less than a stall before.</summary>
    public bool IsStallAtMost =>
        everAnswered && (Interlocked.Read(ref since) is var began && (began == None || time.GetElapsedTime(began) < stall));

    /// <param name="began">When the attempt did that failed: from then on nothing was heard.</param>
    public void Failed(long began) => Interlocked.CompareExchange(ref since, began, None);

    public void Answered()
    {
        everAnswered = true;
        Interlocked.Exchange(ref since, None);
    }
}
