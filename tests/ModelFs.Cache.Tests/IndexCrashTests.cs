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
        for (int life = 0; life < 5; life++)
        {
            int last = await KillAsync(seed, round, TimeSpan.FromMilliseconds(random.Next(2) == 0 ? random.Next(60) : random.Next(60, 800)));
            var plan = new IndexPlan(seed);
            while (plan.Round < last)
                plan.Change();
            await using var index = BlockIndex.Open(logs.Root, 1L << 30, logs);
            string differences = await DifferencesAsync(plan, index);
            if (differences.Length > 0)
            {
                // Killed between the checkpoint and the word of it.
                plan.Change();
                string next = await DifferencesAsync(plan, index);
                Assert.True(next.Length == 0, $"seed {seed}, life {life}, went on from {round}: not round {last}:\n{differences}nor the next:\n{next}{string.Join('\n', logs.Lines)}");
            }

            round = plan.Round;
        }

        Assert.Empty(logs.Lines);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_a_checkpoint_holds_stays_as_it_is_while_the_next_one_is_written(bool afterRestart)
    {
        var key = TestContent.KeyOf("a");
        var record = new ObjectRecord(CacheOptions.BlockSize, 1, 1, ObjectFlags.None);
        var index = BlockIndex.Open(logs.Root, 1L << 30, logs);
        await index.PutAsync(key, record, [(0, 1)]);
        Assert.True(index.Checkpoint(null, 0));
        string former = Damage.CopyOf(logs.Root);
        if (afterRestart)
        {
            await index.DisposeAsync();
            index = BlockIndex.Open(logs.Root, 1L << 30, logs);
        }

        await index.PutAsync(key, record with { LastUse = 2 }, []);
        await index.RemoveAsync(TestContent.KeyOf("b"));
        Assert.True(index.Checkpoint(null, 0));
        await index.DisposeAsync();

        // As if it had been killed before the second manifest: its log, and the first checkpoint.
        await using var first = new TestCache(former);
        foreach (string segment in Directory.EnumerateFiles(Path.Combine(logs.Root, "blocks"), "log.*"))
            File.Copy(segment, Path.Combine(former, "blocks", Path.GetFileName(segment)), overwrite: true);
        await using var again = BlockIndex.Open(former, 1L << 30, logs);
        Assert.Equal(record, (await again.LoadAsync(key))?.Record);
        Assert.Empty(logs.Lines);
    }

    [Fact]
    public async Task What_the_disk_refused_comes_to_it_later_and_not_over_what_came_after_it()
    {
        var keys = Enumerable.Range(0, 4).Select(IndexPlan.KeyOf).ToList();
        var record = new ObjectRecord(CacheOptions.BlockSize, 1, 1, ObjectFlags.None);
        await using (var index = BlockIndex.Open(logs.Root, 1L << 30, logs))
        {
            Assert.Null(await index.LoadAsync(keys[0]));
            string segment = Path.Combine(logs.Root, "blocks", "log.0");
            Directory.CreateDirectory(segment);
            // Three records end in the middle of a sector, which is written again with the fourth.
            foreach (var key in keys.Take(3))
                await index.PutAsync(key, record, [(0, 1)]);
            Assert.False(index.Checkpoint(null, 0));
            Directory.Delete(segment);
            await index.PutAsync(keys[3], record, [(0, 1)]);
            Assert.True(index.Checkpoint(null, 0));
        }

        await using var again = BlockIndex.Open(logs.Root, 1L << 30, logs);
        foreach (var key in keys)
            Assert.Equal(record, (await again.LoadAsync(key))?.Record);
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
                Assert.True(isEmpty || (await DifferencesAsync(plan, index)).Length == 0, where);
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
        // The first life leaves so much that from then on there is something to compact.
        int last = round;
        while (round == 0 && last < 6)
            last = int.Parse((await child.ReadLineAsync())!, CultureInfo.InvariantCulture);
        await Task.Delay(life);
        child.Kill();
        while (await child.ReadLineAsync() is { } line)
            last = int.Parse(line, CultureInfo.InvariantCulture);
        return last;
    }

    /// <returns>A line an object.</returns>
    private static async Task<string> DifferencesAsync(IndexPlan plan, BlockIndex index)
    {
        string differences = "";
        for (int i = 0; i < IndexPlan.Objects; i++)
        {
            if (plan.Difference(i, await index.LoadAsync(IndexPlan.KeyOf(i))) is { } difference)
                differences += difference + '\n';
        }

        return differences;
    }
}
