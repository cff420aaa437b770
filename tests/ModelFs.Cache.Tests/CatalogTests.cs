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

        var plan = new EvictionPlan(catalog, key => catalog.Find(key)!.Value.Generation != 1, 2000);
        long needed = catalog.Bytes / 3;
        plan.ChooseOldest(needed, EvictionReason.CacheLimit, (_, _) => true);
        var uses = plan.Victims.Select(v => v.LastUse).ToList();
        Assert.Equal(uses.Order(), uses);
        Assert.InRange(plan.Bytes, needed, needed + (1 << 21) + plan.Victims[^1].Bytes);
        Assert.All(plan.Victims, v => Assert.NotEqual(1u, model[v.Key].Generation));
        Assert.True(model.Where(o => o.Value.Generation != 1 && o.Value.LastUse < uses[^1]).All(o => plan.Victims.Any(v => v.Key == o.Key)), $"seed {seed}");
    }
}
