using ModelFs.Cache.Crash;

namespace ModelFs.Cache.Tests;

public sealed class CrashTests
{
    private const int Objects = 12;

    [Fact]
    public async Task Killed_again_and_again_in_the_middle_of_its_work_the_cache_never_serves_a_wrong_byte()
    {
        await using var test = new TestCache();
        int seed = Random.Shared.Next();
        var random = new Random(seed);
        for (int round = 0; round < 6; round++)
        {
            string where = $"seed {seed}, round {round}";
            using (var child = new CrashProcess("fill", test.Root, random.Next().ToString(), Objects.ToString()))
            {
                Assert.True(await child.ReadLineAsync() == "ready", where);
                // Around the checkpoint that comes every two seconds.
                await Task.Delay(random.Next(200, 3500));
                child.Kill();
                await child.WaitAsync();
                Assert.True(await child.ReadLineAsync() is null, where);
            }

            var sealedBefore = Enumerable.Range(0, Objects).Where(i => File.Exists(test.ObjectPath(CrashPlan.Name(i)) + ".seal")).ToHashSet();
            await test.ReopenAsync();
            foreach (int number in sealedBefore)
                Assert.True((await test.Cache.GetStateAsync(TestContent.KeyOf(CrashPlan.Name(number)))).Sealed, $"{where}: object {number}");
            for (int i = 0; i < Objects; i++)
            {
                byte[] content = CrashPlan.Content(i);
                var source = new TestSource(content);
                using var handle = test.Open(CrashPlan.Name(i), content, source);
                await handle.ExpectAsync(content, random.Next(content.Length), 1 << 20);
                if (round == 5)
                    await handle.ExpectAllAsync(content);
                if (sealedBefore.Contains(i))
                    Assert.True(source.Requests.IsEmpty, $"{where}: object {i} was sealed");
            }

            Assert.All(test.Lines, line => Assert.False(line.Contains("IndexPutAside") || line.Contains("BlockDamaged"), $"{where}: {line}"));
            await test.CloseAsync();
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task An_index_that_is_older_than_an_eviction_says_nothing_of_the_file_that_was_begun_anew(bool hasBlocks)
    {
        await using var test = await TestCache.OpenAsync();
        byte[] content = TestContent.Make("a", 20 * CacheOptions.BlockSize);
        await test.FillAsync("a", content);
        await BeforeTheIndexHearsOfItAsync(test, async () =>
        {
            await test.Cache.Inventory.EvictAsync(new EvictionRequest(All: true), CancellationToken.None);
            using var handle = test.Open("a", content, new TestSource(content));
            await handle.ExpectAsync(content, 7 * CacheOptions.BlockSize, 10);
            await HandleReads.UntilAsync(() => handle.State.CachedBytes > 0, "it is stored");
        });
        if (!hasBlocks)
        {
            File.Delete(test.ObjectPath("a"));
            File.WriteAllBytes(test.ObjectPath("a"), []);
        }

        await test.ReopenAsync();
        await foreach (var report in test.Cache.Inventory.ScrubAsync(null, CancellationToken.None))
            Assert.Null(report.Fault);
        using (var handle = test.Open("a", content, new TestSource(content)))
            await handle.ExpectAllAsync(content);
        Assert.DoesNotContain(test.Lines, line => line.Contains("BlockDamaged", StringComparison.Ordinal));
    }

    [Fact]
    public async Task An_index_that_is_older_than_an_eviction_calls_nothing_complete_that_is_gone()
    {
        await using var test = await TestCache.OpenAsync();
        byte[] content = TestContent.Make("a", 20 * CacheOptions.BlockSize);
        await test.FillAsync("a", content);
        await BeforeTheIndexHearsOfItAsync(test, () => test.Cache.Inventory.EvictAsync(new EvictionRequest(All: true), CancellationToken.None));
        await test.ReopenAsync();
        Assert.Equal(default, await test.Cache.GetStateAsync(TestContent.KeyOf("a")));
    }

    [Fact]
    public async Task What_comes_late_of_an_evicted_object_does_not_bring_its_blocks_back()
    {
        await using var test = await TestCache.OpenAsync();
        byte[] content = TestContent.Make("a", 20 * CacheOptions.BlockSize);
        await test.FillAsync(TestContent.Describe("a", content, withDigest: false), content);
        var key = TestContent.KeyOf("a");
        var evicted = test.Cache.Loaded().Single(item => item.Key == key);
        await HandleReads.UntilAsync(() => evicted.IsIdle, "nothing is done with it");
        await test.Cache.Inventory.EvictAsync(new EvictionRequest(All: true), CancellationToken.None);
        evicted.Dropped(0);
        Assert.Null(await test.Cache.Resources.Index.LoadAsync(key));
    }

    [Fact]
    public async Task What_a_checkpoint_knew_survives_a_kill()
    {
        await using var test = new TestCache();
        using (var child = new CrashProcess("fill", test.Root, "7", Objects.ToString()))
        {
            Assert.Equal("ready", await child.ReadLineAsync());
            await HandleReads.UntilAsync(() => File.Exists(Path.Combine(test.IndexDirectory, "blocks", "manifest")), "a checkpoint");
            child.Kill();
            await child.WaitAsync();
        }

        await test.ReopenAsync();
        long kept = 0;
        for (int i = 0; i < Objects; i++)
            kept += (await test.Cache.GetStateAsync(TestContent.KeyOf(CrashPlan.Name(i)))).CachedBytes;
        Assert.NotEqual(0, kept);
        Assert.Equal(Enumerable.Range(0, Objects).Count(i => File.Exists(test.ObjectPath(CrashPlan.Name(i)))), test.Cache.Status.Objects);
    }

    /// <summary>Leaves a closed cache as if it had been killed after some work, and before the checkpoint that would speak of it.</summary>
    private static async Task BeforeTheIndexHearsOfItAsync(TestCache test, Func<Task> work)
    {
        await test.CloseAsync();
        string former = test.Root + ".former";
        Directory.Move(test.IndexDirectory, former);
        await test.ReopenAsync();
        await work();
        await test.CloseAsync();
        Directory.Delete(test.IndexDirectory, recursive: true);
        Directory.Move(former, test.IndexDirectory);
    }
}
