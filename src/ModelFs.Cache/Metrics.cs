using System.Collections.Concurrent;
using System.Diagnostics.Metrics;

namespace ModelFs.Cache;

/// <summary>The counters of one cache, for <see cref="CacheStatus"/> and for whoever listens to the meter <c>ModelFs.Cache</c>.</summary>
internal sealed class Metrics : IDisposable
{
    private readonly Meter meter = new("ModelFs.Cache");
    private readonly ConcurrentDictionary<string, ReadCounters> reads = new();
    private long origin;
    private long evictions;
    private long damaged;
    private long quarantined;
    private long unstored;

    public Metrics()
    {
        meter.CreateObservableCounter("modelfs.cache.origin.bytes", () => OriginBytes, "By", "Fetched from sources");
        meter.CreateObservableCounter("modelfs.cache.reads", () => EachMode(c => c.Reads), "{read}", "Reads served, of files that are complete (sealed) or not (lazy)");
        meter.CreateObservableCounter("modelfs.cache.served.bytes", () => EachMode(c => c.Bytes), "By", "Handed to readers, of files that are complete (sealed) or not (lazy)");
        meter.CreateObservableCounter("modelfs.cache.hits", () => Each(c => c.Hits), "{read}", "Reads that found their bytes here");
        meter.CreateObservableCounter("modelfs.cache.misses", () => Each(c => c.Misses), "{read}", "Reads that waited for a source");
        meter.CreateObservableCounter("modelfs.cache.evictions", () => Evictions, "{object}", "Objects that gave way to others");
        meter.CreateObservableCounter("modelfs.cache.damaged", () => Damaged, "{block}", "Blocks that failed their checksum");
        meter.CreateObservableCounter("modelfs.cache.quarantined", () => Quarantined, "{object}", "Objects that did not match their digest");
        meter.CreateObservableCounter("modelfs.cache.unstored", () => Unstored, "{block}", "Blocks that were served without being stored");
    }

    public long OriginBytes => Volatile.Read(ref origin);

    public long ServedBytes => reads.Values.Sum(c => c.Sealed.Bytes + c.Lazy.Bytes);

    public long Evictions => Volatile.Read(ref evictions);

    public long Damaged => Volatile.Read(ref damaged);

    public long Quarantined => Volatile.Read(ref quarantined);

    public long Unstored => Volatile.Read(ref unstored);

    /// <summary>The counters of one registry's reads; whoever reads often keeps them.</summary>
    public ReadCounters ReadsOf(string owner) => reads.GetOrAdd(owner, static _ => new ReadCounters());

    /// <summary>What is not counted but looked at, in memory, when somebody asks.</summary>
    public void Observe(Func<CacheStatus> status, Func<long> fetches)
    {
        meter.CreateObservableGauge("modelfs.cache.used.bytes", () => status().UsedBytes, "By", "On disk: objects, index and metadata");
        meter.CreateObservableGauge("modelfs.cache.limit.bytes", () => status().MaxBytes, "By", "What the cache may take on disk");
        meter.CreateObservableGauge("modelfs.cache.objects", () => status().Objects, "{object}", "Files of which something is here");
        meter.CreateObservableGauge("modelfs.cache.objects.sealed", () => status().SealedObjects, "{object}", "Files that are complete");
        meter.CreateObservableGauge("modelfs.cache.objects.open", () => status().OpenObjects, "{object}", "Files that somebody has open");
        meter.CreateObservableGauge("modelfs.cache.fetches", fetches, "{fetch}", "Requests to sources under way");
        meter.CreateObservableGauge("modelfs.cache.fault", () => status().Fault is null ? 0 : 1, null, "1 while nothing is stored: the disk refuses, or nothing may go");
    }

    public void AddOrigin(long bytes) => Interlocked.Add(ref origin, bytes);

    public void AddEviction() => Interlocked.Increment(ref evictions);

    public void AddDamaged() => Interlocked.Increment(ref damaged);

    public void AddQuarantined() => Interlocked.Increment(ref quarantined);

    public void AddUnstored() => Interlocked.Increment(ref unstored);

    public void Dispose() => meter.Dispose();

    private IEnumerable<Measurement<long>> Each(Func<ReadCounters, long> value) =>
        reads.Select(r => new Measurement<long>(value(r.Value), new KeyValuePair<string, object?>("registry", r.Key)));

    private IEnumerable<Measurement<long>> EachMode(Func<ReadCounters.Mode, long> value)
    {
        foreach (var (owner, counters) in reads)
        {
            yield return Measured(owner, "sealed", value(counters.Sealed));
            yield return Measured(owner, "lazy", value(counters.Lazy));
        }
    }

    private static Measurement<long> Measured(string owner, string mode, long value) =>
        new(value, new KeyValuePair<string, object?>("registry", owner), new KeyValuePair<string, object?>("mode", mode));
}
