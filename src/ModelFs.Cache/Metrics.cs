using System.Diagnostics.Metrics;

namespace ModelFs.Cache;

/// <summary>The counters of one cache, for <see cref="CacheStatus"/> and for whoever listens to the meter <c>ModelFs.Cache</c>.</summary>
internal sealed class Metrics : IDisposable
{
    private readonly Meter meter = new("ModelFs.Cache");
    private long origin;
    private long served;
    private long evictions;
    private long damaged;
    private long quarantined;
    private long unstored;

    public Metrics()
    {
        meter.CreateObservableCounter("modelfs.cache.origin.bytes", () => OriginBytes, "By", "Fetched from sources");
        meter.CreateObservableCounter("modelfs.cache.served.bytes", () => ServedBytes, "By", "Handed to readers");
        meter.CreateObservableCounter("modelfs.cache.evictions", () => Evictions, "{object}", "Objects that gave way to others");
        meter.CreateObservableCounter("modelfs.cache.damaged", () => Damaged, "{block}", "Blocks that failed their checksum");
        meter.CreateObservableCounter("modelfs.cache.quarantined", () => Quarantined, "{object}", "Objects that did not match their digest");
        meter.CreateObservableCounter("modelfs.cache.unstored", () => Unstored, "{block}", "Blocks that were served without being stored");
    }

    public long OriginBytes => Volatile.Read(ref origin);

    public long ServedBytes => Volatile.Read(ref served);

    public long Evictions => Volatile.Read(ref evictions);

    public long Damaged => Volatile.Read(ref damaged);

    public long Quarantined => Volatile.Read(ref quarantined);

    public long Unstored => Volatile.Read(ref unstored);

    public void AddOrigin(long bytes) => Interlocked.Add(ref origin, bytes);

    public void AddServed(long bytes) => Interlocked.Add(ref served, bytes);

    public void AddEviction() => Interlocked.Increment(ref evictions);

    public void AddDamaged() => Interlocked.Increment(ref damaged);

    public void AddQuarantined() => Interlocked.Increment(ref quarantined);

    public void AddUnstored() => Interlocked.Increment(ref unstored);

    public void Dispose() => meter.Dispose();
}
