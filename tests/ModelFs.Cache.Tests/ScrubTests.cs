using ModelFs.Cache.Crash;

namespace ModelFs.Cache.Tests;

public sealed class ScrubTests
{
    private const int Block = CacheOptions.BlockSize;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_verification_finds_each_damaged_block_and_reading_mends_it(bool isLoaded)
    {
        await using var test = await TestCache.OpenAsync();
        byte[] content = TestContent.Make("content", 20 * Block + 1000);
        foreach (string name in (string[])["good", "bad"])
            await test.FillAsync(name, content);
        if (!isLoaded)
            await test.ReopenAsync();
        Damage(test.ObjectPath("bad"), 3 * Block + 5, 20 * Block + 999);
        using (var reader = isLoaded ? test.Open("bad", content, new TestSource(content)) : null)
        {
            var reports = await ScrubAsync(test, null);
            Assert.Equal(2, reports.Count);
            Assert.Null(reports.Single(r => r.Path == "TEST/good").Fault);
            Assert.Equal(2, reports.Single(r => r.Path == "TEST/bad").DamagedBlocks);
            Assert.Equal((true, false), (test.Cache.IsSealed(TestContent.KeyOf("good")), test.Cache.IsSealed(TestContent.KeyOf("bad"))));
            Assert.All(await ScrubAsync(test, "TEST/bad"), r => Assert.Null(r.Fault));
        }

        var source = new TestSource(content);
        using (var handle = test.Open("bad", content, source))
        {
            await handle.ExpectAllAsync(content);
            Assert.Equal(Block + 1000, source.Bytes);
            Assert.True((await handle.CompleteAsync(CancellationToken.None)).IsOk);
        }

        Assert.All(await ScrubAsync(test, null), r => Assert.Null(r.Fault));
    }

    [Fact]
    public async Task What_is_left_after_a_verification_survives_a_restart_without_wrong_bytes()
    {
        await using var test = await TestCache.OpenAsync();
        byte[] content = TestContent.Make("content", 20 * Block);
        await test.FillAsync("bad", content);
        await test.CloseAsync();
        // Only the sidecar knows it.
        Directory.Delete(test.IndexDirectory, recursive: true);
        Damage(test.ObjectPath("bad"), 7 * Block);
        await test.ReopenAsync();
        var report = Assert.Single(await ScrubAsync(test, null));
        Assert.Equal((1, "1 block was damaged"), (report.DamagedBlocks, report.Fault));
        await test.ReopenAsync();

        var source = new TestSource(content);
        using var handle = test.Open("bad", content, source);
        await handle.ExpectAllAsync(content);
        Assert.Equal(Block, source.Bytes);
    }

    [Fact]
    public async Task A_file_that_cannot_be_opened_now_is_told_and_not_taken_for_damage()
    {
        await using var test = await TestCache.OpenAsync();
        byte[] content = TestContent.Make("content", 3 * Block);
        await test.FillAsync("whole", content);
        await test.ReopenAsync();
        string path = test.ObjectPath("whole"), aside = path + ".aside";
        File.Move(path, aside);
        File.CreateSymbolicLink(path, path); // ELOOP, which can be had at will; EMFILE is what is met
        var report = Assert.Single(await ScrubAsync(test, null));
        Assert.Equal(0, report.DamagedBlocks);
        Assert.StartsWith("it could not be looked at", report.Fault, StringComparison.Ordinal);

        File.Delete(path);
        File.Move(aside, path);
        Assert.Null(Assert.Single(await ScrubAsync(test, null)).Fault);
        Assert.True(test.Cache.IsSealed(TestContent.KeyOf("whole")));
    }

    [Fact]
    public async Task A_file_that_is_gone_is_found_and_fetched_again()
    {
        await using var test = await TestCache.OpenAsync();
        byte[] content = TestContent.Make("content", 3 * Block);
        await test.FillAsync("gone", content);
        await test.ReopenAsync();
        File.Delete(test.ObjectPath("gone"));
        Assert.Equal(3, Assert.Single(await ScrubAsync(test, null)).DamagedBlocks);
        Assert.Equal(0, test.Cache.Status.Objects);
        await test.FillAsync("gone", content);
    }

    [Fact]
    public async Task A_verification_under_load_drops_nothing_that_is_right()
    {
        await using var test = await TestCache.OpenAsync(64 << 20);
        byte[][] contents = [.. Enumerable.Range(0, 8).Select(i => TestContent.Make($"object {i}", 40 * Block))];
        using var stop = new CancellationTokenSource();
        var scrubbing = Task.Run(async () =>
        {
            var faults = new List<string?>();
            while (!stop.IsCancellationRequested)
                faults.AddRange((await ScrubAsync(test, null)).Select(r => r.Fault));
            return faults;
        });
        await Task.WhenAll(Enumerable.Range(0, 3).Select(worker => Task.Run(async () =>
        {
            var random = new Random(worker);
            for (int i = 0; i < 15; i++)
            {
                int n = random.Next(contents.Length);
                using var handle = test.Open($"object {n}", contents[n], new TestSource(contents[n]));
                await handle.ExpectAsync(contents[n], random.Next(30 * Block), 9 * Block);
            }
        })));
        await stop.CancelAsync();
        Assert.All(await scrubbing, Assert.Null);
        Assert.DoesNotContain(test.Lines, line => line.Contains("BlockDamaged", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_verification_ends_with_whoever_listens_to_it()
    {
        await using var test = await TestCache.OpenAsync();
        for (int i = 0; i < 30; i++)
            await test.FillAsync($"{i}", TestContent.Make($"{i}", 1000));
        // More reports than are kept for a listener: the thread would wait for ever, and this with it.
        await foreach (var _ in test.Cache.Inventory.ScrubAsync(null, CancellationToken.None))
            break;
        Assert.Equal(30, (await ScrubAsync(test, null)).Count);
    }

    private static void Damage(string path, params ReadOnlySpan<long> offsets)
    {
        using var file = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        foreach (long offset in offsets)
        {
            byte[] one = new byte[1];
            RandomAccess.Read(file, one, offset);
            one[0] ^= 1;
            RandomAccess.Write(file, one, offset);
        }
    }

    private static async Task<List<ScrubReport>> ScrubAsync(TestCache test, string? path)
    {
        var reports = new List<ScrubReport>();
        await foreach (var report in test.Cache.Inventory.ScrubAsync(path, CancellationToken.None))
        {
            if (report.Path is not null)
                reports.Add(report);
        }

        return reports;
    }
}
