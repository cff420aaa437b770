using System.Globalization;
using ModelFs.Cache.Crash;
using ModelFs.Cache.Index;

namespace ModelFs.Cache.Tests;

/// <summary>The index alone, killed and damaged: it knows what a checkpoint knew, all of it, or nothing.</summary>
public sealed class IndexCrashTests : IAsyncLifetime
{
    private readonly TestCache logs = new();

    public Task InitializeAsync() => Task.CompletedTask;

    public Task DisposeAsync() => logs.DisposeAsync().AsTask();

    [Fact]
    public async Task Killed_in_the_middle_of_a_checkpoint_of_compaction_or_of_its_start_it_knows_what_the_last_checkpoint_knew()
    {
        int seed = Random.Shared.Next();
        var random = new Random(seed);
        int round = 0;
        for (int life = 0; life < 10; life++)
        {
            int last = await KillAsync(seed, round, TimeSpan.FromMilliseconds(random.Next(2) == 0 ? random.Next(60) : random.Next(60, 1500)));
            var plan = PlanOf(seed, last);
            await using var index = BlockIndex.Open(logs.Root, 1L << 30, logs);
            if (!await AgreesAsync(plan, index))
            {
                // Killed between the checkpoint and the word of it.
                plan.Change();
                Assert.True(await AgreesAsync(plan, index), $"seed {seed}, life {life}: neither round {last} nor the next");
            }

            round = plan.Round;
        }

        Assert.DoesNotContain(logs.Lines, line => line.Contains("IndexPutAside"));
    }

    [Fact]
    public async Task Files_that_are_damaged_cut_or_gone_leave_what_was_known_or_nothing_and_an_index_that_works()
    {
        int seed = Random.Shared.Next();
        var random = new Random(seed);
        int round = await KillAsync(seed, 0, TimeSpan.FromMilliseconds(300));
        for (int turn = 0; turn < 20; turn++)
        {
            await using var copy = new TestCache(Damage.CopyOf(logs.Root));
            var files = Directory.EnumerateFiles(copy.Root, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal).ToList();
            string where = $"seed {seed}, turn {turn}: " + Damage.AtRandom(files[random.Next(files.Count)], random);
            var plans = new[] { PlanOf(seed, round), PlanOf(seed, round + 1) };
            await using (var index = BlockIndex.Open(copy.Root, 1L << 30, logs))
            {
                bool isEmpty = true;
                for (int i = 0; i < IndexPlan.Objects; i++)
                    isEmpty &= await index.LoadAsync(IndexPlan.KeyOf(i)) is null;
                Assert.True(isEmpty || await AgreesAsync(plans[0], index) || await AgreesAsync(plans[1], index), where);
                await index.PutAsync(TestContent.KeyOf("new"), new ObjectRecord(1, 1, 1, ObjectFlags.None), [(0, 1)]);
                Assert.True(index.Checkpoint(null, 0), where);
            }

            await using var again = BlockIndex.Open(copy.Root, 1L << 30, logs);
            Assert.True((await again.LoadAsync(TestContent.KeyOf("new")))?.Present[0], where);
        }
    }

    /// <summary>Lets another process go on from a round, and kills it.</summary>
    /// <returns>The last round that it called durable; at least the one it went on from.</returns>
    private async Task<int> KillAsync(int seed, int round, TimeSpan life)
    {
        using var child = new CrashProcess("index", logs.Root, seed.ToString(CultureInfo.InvariantCulture), round.ToString(CultureInfo.InvariantCulture));
        Assert.Equal("opening", await child.ReadLineAsync());
        int last = round;
        // The first life leaves something to begin with.
        if (round == 0)
            last = int.Parse((await child.ReadLineAsync())!, CultureInfo.InvariantCulture);
        await Task.Delay(life);
        child.Kill();
        while (await child.ReadLineAsync() is { } line)
            last = int.Parse(line, CultureInfo.InvariantCulture);
        return last;
    }

    private static IndexPlan PlanOf(int seed, int round)
    {
        var plan = new IndexPlan(seed);
        while (plan.Round < round)
            plan.Change();
        return plan;
    }

    private static async Task<bool> AgreesAsync(IndexPlan plan, BlockIndex index)
    {
        for (int i = 0; i < IndexPlan.Objects; i++)
        {
            if (!plan.Agrees(IndexPlan.KeyOf(i), await index.LoadAsync(IndexPlan.KeyOf(i))))
                return false;
        }

        return true;
    }
}
