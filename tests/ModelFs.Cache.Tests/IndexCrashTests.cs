using ModelFs.Cache.Crash;
using ModelFs.Cache.Index;

namespace ModelFs.Cache.Tests;

/// <summary>The index alone, damaged: it knows what a checkpoint knew, all of it, or nothing.</summary>
public sealed class IndexCrashTests : IAsyncLifetime
{
    private readonly TestCache logs = new();

    public Task InitializeAsync() => Task.CompletedTask;

    public Task DisposeAsync() => logs.DisposeAsync().AsTask();

    [Fact]
    public async Task What_a_checkpoint_holds_stays_as_it_is_while_the_next_one_is_written()
    {
        var key = TestContent.KeyOf("a");
        var record = new ObjectRecord(CacheOptions.BlockSize, 1, 1, ObjectFlags.None);
        string former;
        await using (var index = BlockIndex.Open(logs.Root, 1L << 30, logs))
        {
            await index.PutAsync(key, record, [(0, 1)]);
            Assert.True(index.Checkpoint(null, 0));
            former = Damage.CopyOf(logs.Root);
            await index.PutAsync(key, record with { LastUse = 2 }, []);
            await index.RemoveAsync(TestContent.KeyOf("b"));
            Assert.True(index.Checkpoint(null, 0));
        }

        // As if it had been killed before the second manifest: its log, and the first checkpoint.
        await using var first = new TestCache(former);
        foreach (string segment in Directory.EnumerateFiles(Path.Combine(logs.Root, "blocks"), "log.*"))
            File.Copy(segment, Path.Combine(former, "blocks", Path.GetFileName(segment)), overwrite: true);
        await using var again = BlockIndex.Open(former, 1L << 30, logs);
        Assert.Equal(record, (await again.LoadAsync(key))?.Record);
        Assert.Empty(logs.Lines);
    }

    [Fact]
    public async Task Files_that_are_damaged_cut_or_gone_leave_what_was_known_or_nothing_and_an_index_that_works()
    {
        int seed = Random.Shared.Next();
        var random = new Random(seed);
        var plan = new IndexPlan(seed);
        await using (var index = BlockIndex.Open(logs.Root, 1L << 30, logs))
        {
            while (plan.Round < 5)
            {
                plan.Change(index);
                Assert.True(index.Checkpoint(null, 0));
            }
        }

        for (int turn = 0; turn < 20; turn++)
        {
            await using var copy = new TestCache(Damage.CopyOf(logs.Root));
            var files = Directory.EnumerateFiles(copy.Root, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal).ToList();
            string where = $"seed {seed}, turn {turn}: " + Damage.AtRandom(files[random.Next(files.Count)], random);
            await using (var index = BlockIndex.Open(copy.Root, 1L << 30, logs))
            {
                bool isEmpty = true;
                for (int i = 0; i < IndexPlan.Objects; i++)
                    isEmpty &= await index.LoadAsync(IndexPlan.KeyOf(i)) is null;
                Assert.True(isEmpty || await AgreesAsync(plan, index), where);
                await index.PutAsync(TestContent.KeyOf("new"), new ObjectRecord(1, 1, 1, ObjectFlags.None), [(0, 1)]);
                Assert.True(index.Checkpoint(null, 0), where);
            }

            await using var again = BlockIndex.Open(copy.Root, 1L << 30, logs);
            Assert.True((await again.LoadAsync(TestContent.KeyOf("new")))?.Present[0], where);
        }
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
