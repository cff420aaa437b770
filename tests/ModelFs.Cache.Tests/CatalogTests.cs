using ModelFs.Cache.Crash;
using ModelFs.Cache.Space;

namespace ModelFs.Cache.Tests;

public sealed class CatalogTests
{
    [Fact]
    public async Task Any_order_of_changes_agrees_with_a_dictionary()
    {
        await using var logs = new TestCache();
        int seed = Random.Shared.Next();
        var random = new Random(seed);
        var accounts = new Accounts(new Dictionary<string, OwnerLimits>(), logs, TimeProvider.System);
        var catalog = new Catalog();
        var model = new Dictionary<ObjectKey, Catalog.Entry>();
        for (int step = 0; step < 5000; step++)
        {
            var key = TestContent.KeyOf($"{random.Next(200)}");
            var account = accounts.Of($"{random.Next(4)}");
            var entry = new Catalog.Entry(random.Next(1 << 20), random.Next(1000), (uint)random.Next(5), random.Next(2) == 0, account);
            switch (random.Next(4))
            {
                case 0:
                    catalog.Set(key, model[key] = entry);
                    break;
                case 1:
                    catalog.Add(key, entry.Generation, entry.Bytes, entry.LastUse, account);
                    model[key] = model.TryGetValue(key, out var former) ? former with { Bytes = former.Bytes + entry.Bytes } : entry with { Sealed = false };
                    break;
                case 2:
                    catalog.Touch(key, entry.LastUse, account);
                    if (model.TryGetValue(key, out var touched))
                        model[key] = touched with { LastUse = entry.LastUse, Account = account };
                    break;
                default:
                    Assert.Equal(model.Remove(key, out var removed) ? removed : null, catalog.Remove(key));
                    break;
            }

            Assert.True(model.Values.Sum(e => e.Bytes) == catalog.Bytes && model.Count == catalog.Count, $"seed {seed}, step {step}");
        }

        Assert.Equal(model.Values.Count(e => e.Sealed), catalog.SealedCount);
        foreach (var account in accounts.All)
        {
            var mine = model.Values.Where(e => e.Account == account).ToList();
            Assert.Equal((mine.Sum(e => e.Bytes), mine.Count, mine.Count(e => e.Sealed)), (account.Bytes, account.Objects, account.Sealed));
        }
    }

    [Fact]
    public async Task Of_many_objects_the_oldest_that_may_go_go_first_and_no_more_than_is_needed()
    {
        await using var logs = new TestCache();
        int seed = Random.Shared.Next();
        var random = new Random(seed);
        var (catalog, model) = Fill(logs, 5000, random);
        for (int turn = 0; turn < 5; turn++)
        {
            long needed = catalog.Bytes / random.Next(2, 200);
            var plan = new EvictionPlan(catalog, key => model[key].Generation != 1, 1_000_000);
            plan.ChooseOlder(TimeSpan.FromMilliseconds(999_000), (_, entry) => entry.Account.Owner == "1");
            var old = plan.Victims.Select(v => v.Key).ToHashSet();
            Assert.Equal(model.Where(o => o.Value is { LastUse: <= 1000, Account.Owner: "1", Generation: not 1 }).Select(o => o.Key).Order(ByValue), old.Order(ByValue));
            plan.ChooseOldest(needed, EvictionReason.CacheLimit, (_, entry) => entry.Account.Owner == "2");

            var oldest = plan.Victims.Skip(old.Count).ToList();
            Assert.All(oldest, v => Assert.True(model[v.Key] is { Generation: not 1, Account.Owner: "2" }));
            Assert.Equal(oldest.Select(v => v.LastUse).Order(), oldest.Select(v => v.LastUse));
            Assert.True(oldest.Sum(v => v.Bytes) >= needed && oldest.SkipLast(1).Sum(v => v.Bytes) < needed, $"seed {seed}, turn {turn}");
            Assert.Equal(
                model.Values.Where(e => e is { Account.Owner: "2", Generation: not 1 }).Select(e => e.LastUse).Order().Take(oldest.Count),
                oldest.Select(v => v.LastUse));
            Assert.Equal(plan.Victims.Sum(v => v.Bytes), plan.Bytes);
        }
    }

    [Fact]
    public async Task Objects_take_little_memory_each_and_a_few_victims_among_them_no_copy_of_all()
    {
        const int Objects = 100_000;
        await using var logs = new TestCache();
        var accounts = new Accounts(new Dictionary<string, OwnerLimits>(), logs, TimeProvider.System);
        var catalog = new Catalog();
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < Objects; i++)
            catalog.Set(new ObjectKey((UInt128)i * 0x9E3779B97F4A7C15), new Catalog.Entry(4096, i, 1, true, accounts.Of("a")));
        // What was copied when it grew is counted, too.
        Assert.InRange((GC.GetAllocatedBytesForCurrentThread() - before) / Objects, 48, 72);

        before = GC.GetAllocatedBytesForCurrentThread();
        var plan = new EvictionPlan(catalog, _ => true, Objects);
        plan.ApplyShares(accounts.All);
        plan.ChooseOldest(100 * 4096, EvictionReason.CacheLimit, (_, _) => true);
        Assert.Equal(Enumerable.Range(0, 100), plan.Victims.Select(v => (int)v.LastUse));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 1, 100_000);
    }

    [Fact]
    public void Any_order_of_changes_of_a_large_table_agrees_with_a_dictionary()
    {
        int seed = Random.Shared.Next();
        var random = new Random(seed);
        var (table, model) = (new CatalogTable(), new Dictionary<ObjectKey, Catalog.Entry>());
        for (int step = 0; step < 60_000; step++)
        {
            var key = new ObjectKey((UInt128)random.Next(12_000));
            // It fills, and empties again.
            if (random.Next(60_000) > step)
                table.Set(key, model[key] = new Catalog.Entry(step, step, (uint)step, false, null!));
            else
                Assert.True(model.Remove(key, out var removed) == table.Remove(key, out var gone) && removed == gone, $"seed {seed}, step {step}");
            Assert.True(table.Count == model.Count, $"seed {seed}, step {step}");
        }

        for (int i = 0; i < 12_000; i++)
        {
            var key = new ObjectKey((UInt128)i);
            Assert.True(model.TryGetValue(key, out var known) == table.TryGet(key, out var entry) && known == entry, $"seed {seed}, {i}");
        }

        var visited = new Dictionary<ObjectKey, Catalog.Entry>();
        table.Visit(visited.Add);
        Assert.Equal(model.Count, visited.Count);
    }

    private static readonly Comparer<ObjectKey> ByValue = Comparer<ObjectKey>.Create((a, b) => a.Value.CompareTo(b.Value));

    private static (Catalog Catalog, Dictionary<ObjectKey, Catalog.Entry> Model) Fill(TestCache logs, int objects, Random random)
    {
        var accounts = new Accounts(new Dictionary<string, OwnerLimits>(), logs, TimeProvider.System);
        var (catalog, model) = (new Catalog(), new Dictionary<ObjectKey, Catalog.Entry>());
        for (int i = 0; i < objects; i++)
        {
            var entry = new Catalog.Entry(random.Next(1, 1 << 20), random.Next(100_000), (uint)random.Next(5), random.Next(2) == 0, accounts.Of($"{random.Next(4)}"));
            var key = TestContent.KeyOf($"{i}");
            catalog.Set(key, model[key] = entry);
        }

        return (catalog, model);
    }
}
