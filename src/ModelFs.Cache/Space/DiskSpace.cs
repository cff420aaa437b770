using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using ModelFs.Cache.Disk;
using ModelFs.Cache.Objects;

namespace ModelFs.Cache.Space;

/// <summary>The limits: bytes of our own, bytes of each registry, and bytes of the filesystem left free. Makes room by unlinking objects.</summary>
/// <remarks>Only an object that nobody has open goes, so nobody reads on in a file whose name is gone; what is open or pinned stays, whatever the limits say.</remarks>
internal sealed class DiskSpace(CacheOptions options, Catalog catalog, Accounts accounts, Pins pins, ObjectPaths paths, Metrics metrics, TimeProvider time, ILogger log)
{
    /// <summary>Room made beyond what is needed, so that the next blocks need not look for victims again: a 64th, at most 256 MiB.</summary>
    private readonly int slack = (int)Math.Min(options.MaxBytes / 64, 256 << 20);

    /// <summary>What blocks may fill. The rest is for what follows them: sidecars, the index and metadata.</summary>
    private readonly long limit = options.MaxBytes - Math.Min(options.MaxBytes / 64, 16 << 20);

    private readonly Lock evicting = new();
    private readonly Lock asking = new();
    private readonly Lock admitting = new();
    private readonly ConcurrentDictionary<ObjectKey, long> unlinked = new();
    private long free = long.MaxValue;
    private long indexBytes;
    private long metadataBytes;
    private long unlinkedBytes;
    private long admitted;

    /// <summary>Takes an object out of use, so that nobody opens its file while it is removed. False when somebody has it open.</summary>
    public Func<ObjectKey, bool>? Claim { get; set; }

    /// <summary>Ends what <see cref="Claim"/> began.</summary>
    public Action<ObjectKey>? Released { get; set; }

    /// <summary>The objects that are open.</summary>
    public Func<HashSet<ObjectKey>>? Open { get; set; }

    public long UsedBytes => catalog.Bytes + IndexBytes + MetadataBytes + Volatile.Read(ref unlinkedBytes);

    public long IndexBytes => Volatile.Read(ref indexBytes);

    public long MetadataBytes => Volatile.Read(ref metadataBytes);

    /// <summary>Of the filesystem, when it was last asked, less what was written since.</summary>
    public long FreeBytes => Volatile.Read(ref free);

    /// <summary>Being written, and not counted yet.</summary>
    private long Admitted => Volatile.Read(ref admitted);

    public void SetIndexBytes(long bytes) => Volatile.Write(ref indexBytes, bytes);

    public void AddMetadataBytes(long bytes) => Interlocked.Add(ref metadataBytes, bytes);

    /// <summary>Asks the filesystem anew; between two times its free bytes are reckoned.</summary>
    public void Refresh()
    {
        try
        {
            Volatile.Write(ref free, new DriveInfo(options.Directory).AvailableFreeSpace);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // A filesystem that does not answer says so when it is written to.
            Volatile.Write(ref free, long.MaxValue);
        }
    }

    /// <summary>Asks whoever keeps objects open that nobody uses to close them. Called under no lock but its own.</summary>
    public Action? RoomNeeded { get; set; }

    /// <summary>Makes room for a block, as <see cref="TryAdmit"/> keeps it. False when nothing more may go: the fault is the cache's, or the account's alone.</summary>
    public bool Admit(int bytes, Account account, StoreHealth health)
    {
        // Again as long as there is room: another writer may have taken what was made.
        do
        {
            if (TryAdmit(bytes, account))
                return true;
        }
        while (MakeRoom(bytes, account) || AskForRoom(bytes, account));
        if (TryAdmit(bytes, account))
            return true;

        if (IsOver(account, bytes))
        {
            account.Health.Full($"the budget of {account.Limits.MaxBytes} bytes of {account.Owner} is reached and everything of it is open or pinned");
            return false;
        }

        health.Full(UsedBytes + Admitted + bytes > limit
            ? $"the limit of {options.MaxBytes} bytes is reached and everything is open or pinned"
            : $"less than {options.MinFreeBytes} bytes are free and everything is open or pinned");
        return false;
    }

    /// <summary>Keeps a place for blocks, until <see cref="Settle"/>. False when something would have to go for them.</summary>
    public bool TryAdmit(int bytes, Account account)
    {
        lock (admitting)
        {
            if (IsOver(bytes) || IsOver(account, bytes))
                return false;
            Volatile.Write(ref admitted, admitted + bytes);
            account.Admitted += bytes;
        }

        Interlocked.Add(ref free, -bytes);
        return true;
    }

    /// <summary>What was admitted has been written, and counts as the object's; or it has not.</summary>
    public void Settle(CachedObject owner, int bytes, bool isWritten)
    {
        var account = owner.Account;
        lock (admitting)
        {
            if (isWritten)
                catalog.Add(owner.Key, owner.Generation, (bytes + 4095) & ~4095, owner.Resources.Now, account);
            Volatile.Write(ref admitted, admitted - bytes);
            account.Admitted -= bytes;
        }

        if (!isWritten)
            Interlocked.Add(ref free, bytes);
    }

    /// <summary>The disk has some of an object's bytes back.</summary>
    public void GivenBack(CachedObject owner, long bytes)
    {
        if (catalog.Subtract(owner.Key, owner.Generation, bytes))
            Interlocked.Add(ref free, bytes);
    }

    /// <summary>One after the other: who asks while handles are being closed waits for that, or it would find them open.</summary>
    private bool AskForRoom(int bytes, Account account)
    {
        lock (asking)
        {
            RoomNeeded?.Invoke();
            return MakeRoom(bytes, account);
        }
    }

    /// <summary>Evicts until the limits hold, or nothing more may go. Whether there is room.</summary>
    public bool MakeRoom(int bytes = 0, Account? account = null)
    {
        lock (evicting)
        {
            if (!IsOver(bytes) && accounts.All.All(a => !IsOver(a, a == account ? bytes : 0) && a.Limits.MaxAge is null))
                return true;
            var tried = new HashSet<ObjectKey>();
            var (count, freed) = (0, 0L);
            while (Plan(bytes, slack, account, tried) is { Victims.Count: > 0 } plan)
            {
                foreach (var victim in plan.Victims)
                {
                    tried.Add(victim.Key);
                    if (!TryEvict(victim.Key))
                        continue;
                    count++;
                    freed += victim.Bytes;
                }
            }

            if (count > 0)
                Log.Evicted(log, count, freed);
            return !IsOver(bytes) && (account is null || !IsOver(account, bytes));
        }
    }

    /// <summary>What the limits want to go just now.</summary>
    public EvictionPlan Plan(int bytes, int slack, Account? growing, HashSet<ObjectKey>? tried = null)
    {
        var plan = NewPlan(tried);
        plan.ApplyShares(accounts.All, growing, bytes);
        // Of what gives way for a registry's own limits, all comes back to the cache.
        long excess = UsedBytes + Admitted + bytes - plan.Bytes > limit ? UsedBytes + Admitted + bytes + slack - limit : 0;
        long shortfall = FreeBytes + plan.Bytes - bytes < options.MinFreeBytes ? options.MinFreeBytes - FreeBytes + bytes + slack : 0;
        if (Math.Max(excess, shortfall) - plan.Bytes is > 0 and var needed)
            plan.ChooseOldest(needed, excess >= shortfall ? EvictionReason.CacheLimit : EvictionReason.FreeSpace, static (_, _) => true);
        return plan;
    }

    /// <summary>A plan without victims yet: neither open nor pinned objects will be among them.</summary>
    public EvictionPlan NewPlan(HashSet<ObjectKey>? tried = null)
    {
        var open = Open?.Invoke() ?? [];
        return new EvictionPlan(
            catalog, key => !open.Contains(key) && !pins.Contains(key) && tried?.Contains(key) != true, time.GetUtcNow().ToUnixTimeMilliseconds());
    }

    /// <summary>Removes what a plan says; what somebody has opened since stays.</summary>
    /// <remarks>Writers that need room meanwhile make it themselves: to unlink a large cache takes minutes.</remarks>
    /// <returns>What went.</returns>
    public List<Victim> Evict(EvictionPlan plan)
    {
        var gone = plan.Victims.Where(victim => TryEvict(victim.Key)).ToList();
        if (gone.Count > 0)
            Log.Evicted(log, gone.Count, gone.Sum(victim => victim.Bytes));
        return gone;
    }

    /// <summary>Removes an object's files. The sidecar goes first: alone it would promise what is not there.</summary>
    /// <param name="isOpen">Its file is open here: the filesystem gets the bytes back with <see cref="Closed"/>.</param>
    public void Remove(ObjectKey key, bool isOpen = false)
    {
        string path = paths.Of(key);
        if (!DurableFile.TryDelete(Sidecar.PathOf(path), log) || !DurableFile.TryDelete(path, log) || catalog.Remove(key) is not { } entry)
            return;
        if (isOpen && unlinked.TryAdd(key, entry.Bytes))
            Interlocked.Add(ref unlinkedBytes, entry.Bytes);
        else
            Interlocked.Add(ref free, entry.Bytes);
    }

    /// <summary>The last descriptor of an object's file is closed.</summary>
    public void Closed(ObjectKey key)
    {
        if (!unlinked.TryRemove(key, out long bytes))
            return;
        Interlocked.Add(ref unlinkedBytes, -bytes);
        Interlocked.Add(ref free, bytes);
    }

    private bool TryEvict(ObjectKey key)
    {
        if (Claim?.Invoke(key) != true)
            return false;
        try
        {
            if (pins.Contains(key))
                return false;
            Remove(key);
            if (catalog.Contains(key))
                return false;
            metrics.AddEviction();
            return true;
        }
        finally
        {
            Released?.Invoke(key);
        }
    }

    private bool IsOver(int bytes) => UsedBytes + Admitted + bytes > limit || FreeBytes - bytes < options.MinFreeBytes;

    private static bool IsOver(Account account, int bytes) => account.BlockBudget is { } most && account.Bytes + account.Admitted + bytes > most;
}
