namespace ModelFs.Registries.Http;

/// <summary>Since when an origin does not answer, if it ever did. A proxy that is loaded anew, a pod that is replaced and a pause for garbage are over in seconds.</summary>
/// <param name="stall">The longest that is taken for one of these.</param>
internal sealed class Outage(TimeSpan stall, TimeProvider time)
{
    private const long Never = long.MinValue;

    private long since = Never;
    private long answered = Never;

    /// <summary>It answers, for all that is known, or did so less than a stall before.</summary>
    public bool IsStallAtMost =>
        Interlocked.Read(ref answered) != Never && Interlocked.Read(ref since) is var began && (began == Never || time.GetElapsedTime(began) < stall);

    /// <param name="began">When the attempt did that failed: from then on nothing was heard, unless another was answered meanwhile.</param>
    public void Failed(long began) => Interlocked.CompareExchange(ref since, Math.Max(began, Interlocked.Read(ref answered)), Never);

    public void Answered()
    {
        Interlocked.Exchange(ref answered, time.GetTimestamp());
        Interlocked.Exchange(ref since, Never);
    }
}
