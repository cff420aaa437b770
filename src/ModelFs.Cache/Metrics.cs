using System.Diagnostics.Metrics;
using ModelFs.Cache.Space;

namespace ModelFs.Cache;

/// <summary>The counters of one cache, for <see cref="CacheStatus"/> and for whoever listens to the meter <c>ModelFs.Cache</c>.</summary>
internal sealed class Metrics : IDisposable
{
    private readonly Meter meter = new("ModelFs.Cache");
    private readonly Accounts accounts;
    private long origin;
    private long evictions;
    private long damaged;
    private long quarantined;
    private long unstored;

    public Metrics(Accounts accounts)
    {
        this.accounts = accounts;
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

    public long ServedBytes => accounts.All.Sum(a => a.Reads.Bytes);

    public long Evictions => Volatile.Read(ref evictions);

    public long Damaged => Volatile.Read(ref damaged);

    public long Quarantined => Volatile.Read(ref quarantined);

    public long Unstored => Volatile.Read(ref unstored);

    /// <summary>What is not counted but looked at, in memory, when somebody asks.</summary>
    public void Observe(Func<CacheStatus> status, Func<long> fetches)
    {
        meter.CreateObservableGauge("modelfs.cache.used.bytes", () => status().UsedBytes, "By", "On disk: objects, index and metadata");
        meter.CreateObservableGauge("modelfs.cache.limit.bytes", () => status().MaxBytes, "By", "What the cache may take on disk");
        meter.CreateObservableGauge("modelfs.cache.objects", () => status().Objects, "{object}", "Files of which something is here");
        meter.CreateObservableGauge("modelfs.cache.objects.sealed", () => status().SealedObjects, "{object}", "Files that are complete");
        meter.CreateObservableGauge("modelfs.cache.objects.open", () => status().OpenObjects, "{object}", "Files that somebody has open");
        meter.CreateObservableGauge("modelfs.cache.unverified.bytes", () => status().UnverifiedBytes, "By", "Of complete files that a kill may have hurt, still to be read again in the background");
        meter.CreateObservableGauge("modelfs.cache.fetches", fetches, "{fetch}", "Requests to sources under way");
        meter.CreateObservableGauge("modelfs.cache.fault", () => status().Fault is null ? 0 : 1, null, "1 while nothing is stored: the disk refuses, or nothing may go");
    }

    public void AddOrigin(long bytes) => Interlocked.Add(ref origin, bytes);

    public void AddEviction() => Interlocked.Increment(ref evictions);

    public void AddDamaged() => Interlocked.Increment(ref damaged);

    public void AddQuarantined() => Interlocked.Increment(ref quarantined);

    public void AddUnstored() => Interlocked.Increment(ref unstored);

    public void Dispose() => meter.Dispose();

    /// <summary>Objects that a survey found without a name are nobody's.</summary>
    private IEnumerable<Account> Read => accounts.All.Where(a => a.Owner.Length > 0 || a.Reads.Bytes > 0);

    private IEnumerable<Measurement<long>> Each(Func<ReadCounters, long> value) =>
        Read.Select(a => new Measurement<long>(value(a.Reads), new KeyValuePair<string, object?>("registry", a.Owner)));

    private IEnumerable<Measurement<long>> EachMode(Func<ReadCounters.Mode, long> value)
    {
        foreach (var account in Read)
        {
            yield return Measured(account.Owner, "sealed", value(account.Reads.Sealed));
            yield return Measured(account.Owner, "lazy", value(account.Reads.Lazy));
        }
    }

    private static Measurement<long> Measured(string owner, string mode, long value) =>
        new(value, new KeyValuePair<string, object?>("registry", owner), new KeyValuePair<string, object?>("mode", mode));
}
