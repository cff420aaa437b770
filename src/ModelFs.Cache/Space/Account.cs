using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace ModelFs.Cache.Space;

/// <summary>One registry's share of the cache: what it takes, what it may take, and what it brought.</summary>
/// <remarks>Bytes and objects are kept by the <see cref="Catalog"/>, under its lock.</remarks>
internal sealed class Account(string owner, OwnerLimits limits, StoreHealth health)
{
    private long origin;

    /// <summary>The registry's name; empty for objects of which nobody knows whose they are.</summary>
    public string Owner => owner;

    public OwnerLimits Limits => limits;

    /// <summary>What its blocks may fill of its budget. The rest is for the sidecars that follow them.</summary>
    public long? BlockBudget { get; } = limits.MaxBytes is { } most ? most - Math.Min(most / 64, 16 << 20) : null;

    /// <summary>Whether its objects find room in its share just now.</summary>
    public StoreHealth Health => health;

    public long Bytes { get; set; }

    /// <summary>Being written, and not counted yet. Kept by <see cref="DiskSpace"/>, under its lock.</summary>
    public long Admitted { get; set; }

    public int Objects { get; set; }

    public int Sealed { get; set; }

    public long OriginBytes => Volatile.Read(ref origin);

    /// <summary>What readers got of its files.</summary>
    public ReadCounters Reads { get; } = new();

    public void AddOrigin(long bytes) => Interlocked.Add(ref origin, bytes);
}

/// <summary>The accounts, by registry.</summary>
internal sealed class Accounts(IReadOnlyDictionary<string, OwnerLimits> limits, ILogger log, TimeProvider time)
{
    private readonly ConcurrentDictionary<string, Account> byOwner = new(StringComparer.Ordinal);

    public IEnumerable<Account> All => byOwner.Values;

    public Account Of(string owner) => byOwner.GetOrAdd(
        owner, static (name, all) => new Account(name, all.limits.GetValueOrDefault(name, OwnerLimits.None), new StoreHealth(all.log, all.time)), (limits, log, time));
}
