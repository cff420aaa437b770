namespace ModelFs.Cache.Space;

/// <summary>An object that has to go, and why.</summary>
internal readonly record struct Victim(ObjectKey Key, long Bytes, long LastUse, EvictionReason Reason);

/// <summary>Which objects go, in which order: what is too old for its registry, then what is over its registry's budget, then what was used longest ago.</summary>
/// <param name="mayGo">Whether an object may go at all: neither open nor pinned.</param>
internal sealed class EvictionPlan(Catalog catalog, Func<ObjectKey, bool> mayGo, long now)
{
    /// <summary>Room made in a registry's budget beyond what is needed: a 64th, so that the next blocks need not look for victims again.</summary>
    private const int SlackOfBudget = 64;

    /// <summary>An eighth of all: of more, a sorted copy is made in less time than the catalog would be held while they are picked out of it.</summary>
    private const int FewOfAll = 8;

    private readonly List<Victim> victims = [];
    private readonly HashSet<ObjectKey> chosen = [];

    public IReadOnlyList<Victim> Victims => victims;

    /// <summary>Bytes of all victims.</summary>
    public long Bytes { get; private set; }

    /// <summary>By the limits of registries.</summary>
    /// <param name="growing">The account that is about to grow, if any.</param>
    public void ApplyShares(IEnumerable<Account> accounts, Account? growing = null, int growth = 0)
    {
        foreach (var account in accounts)
        {
            var (budget, age) = (account.BlockBudget, account.Limits.MaxAge);
            long more = account == growing ? growth : 0;
            long excess = budget is { } most && account.Bytes + account.Admitted + more > most ? account.Bytes + account.Admitted + more + (most / SlackOfBudget) - most : 0;
            if (age is { } oldest)
                excess -= ChooseOlder(oldest, (_, entry) => entry.Account == account);
            if (excess > 0)
                ChooseOldest(excess, EvictionReason.RegistryBudget, (_, entry) => entry.Account == account);
        }
    }

    /// <summary>What was not used for so long.</summary>
    /// <returns>Bytes of them.</returns>
    public long ChooseOlder(TimeSpan age, Func<ObjectKey, Catalog.Entry, bool> wanted)
    {
        long before = Bytes;
        long limit = now - (long)age.TotalMilliseconds;
        foreach (var (key, entry) in catalog.Select((key, entry) => entry.LastUse <= limit && wanted(key, entry) && mayGo(key)).OrderBy(o => o.Entry.LastUse))
            Choose(key, entry, EvictionReason.Age);
        return Bytes - before;
    }

    /// <summary>What was used longest ago, until it makes so many bytes.</summary>
    public void ChooseOldest(long needed, EvictionReason reason, Func<ObjectKey, Catalog.Entry, bool> wanted)
    {
        var oldest = needed < catalog.Bytes / FewOfAll ? Oldest(needed, MayGo) : catalog.Select(MayGo);
        oldest.Sort(static (a, b) => a.Entry.LastUse.CompareTo(b.Entry.LastUse));
        foreach (var (key, entry) in oldest)
        {
            if (needed <= 0)
                break;
            Choose(key, entry, reason);
            needed -= entry.Bytes;
        }

        bool MayGo(ObjectKey key, Catalog.Entry entry) => !chosen.Contains(key) && wanted(key, entry) && mayGo(key);
    }

    /// <summary>No more than is needed of those that were seen so far: what was used later gives way to each that was used earlier.</summary>
    private List<(ObjectKey Key, Catalog.Entry Entry)> Oldest(long needed, Func<ObjectKey, Catalog.Entry, bool> wanted)
    {
        var oldest = new PriorityQueue<(ObjectKey Key, Catalog.Entry Entry), long>();
        long held = 0;
        catalog.Visit((key, entry) =>
        {
            if ((held >= needed && oldest.TryPeek(out var latest, out _) && entry.LastUse >= latest.Entry.LastUse) || !wanted(key, entry))
                return;
            oldest.Enqueue((key, entry), -entry.LastUse);
            held += entry.Bytes;
            while (oldest.TryPeek(out latest, out _) && held - latest.Entry.Bytes >= needed)
                held -= oldest.Dequeue().Entry.Bytes;
        });
        return [.. oldest.UnorderedItems.Select(item => item.Element)];
    }

    private void Choose(ObjectKey key, in Catalog.Entry entry, EvictionReason reason)
    {
        if (!chosen.Add(key))
            return;
        victims.Add(new Victim(key, entry.Bytes, entry.LastUse, reason));
        Bytes += entry.Bytes;
    }
}
