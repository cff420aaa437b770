using ModelFs.Cache.Crash;

namespace ModelFs.Cache.Tests;

public sealed class LimitTests
{
    private const int Block = CacheOptions.BlockSize;
    private const long Limit = 64 << 20;

    [Fact]
    public async Task The_object_used_longest_ago_gives_way()
    {
        await using var test = await TestCache.OpenAsync(Limit);
        byte[][] contents = [.. Enumerable.Range(0, 8).Select(i => TestContent.Make($"object {i}", 40 * Block))];
        for (int i = 0; i < 5; i++)
            await test.FillAsync($"object {i}", contents[i]);
        using (var handle = test.Open("object 0", contents[0], new TestSource(contents[0])))
            await handle.ExpectAsync(contents[0], 0, 10);
        for (int i = 5; i < 7; i++)
        {
            await test.FillAsync($"object {i}", contents[i]);
            Assert.InRange(test.Cache.Status.UsedBytes, 0, Limit);
        }

        Assert.False(File.Exists(test.ObjectPath("object 1")));
        Assert.True(File.Exists(test.ObjectPath("object 0")));
        Assert.True(File.Exists(test.ObjectPath("object 6")));
        Assert.InRange(test.Cache.Status.Evictions, 1, 3);
        Assert.InRange(AllocatedBytes(test.Root), 0, Limit);

        var source = new TestSource(contents[1]);
        using var evicted = test.Open("object 1", contents[1], source);
        await evicted.ExpectAllAsync(contents[1]);
        Assert.Equal(contents[1].Length, source.Bytes);
    }

    [Fact]
    public async Task Whoever_keeps_objects_for_a_next_use_is_asked_to_close_them_when_room_is_needed()
    {
        await using var test = await TestCache.OpenAsync(Limit);
        byte[] idle = TestContent.Make("idle", 150 * Block), large = TestContent.Make("large", 200 * Block);
        ObjectHandle? kept = test.Open("idle", idle, new TestSource(idle));
        Assert.True((await kept.CompleteAsync(CancellationToken.None)).IsOk);
        test.Cache.RoomNeeded = () => Interlocked.Exchange(ref kept, null)?.Dispose();
        await test.FillAsync("large", large);
        Assert.False(File.Exists(test.ObjectPath("idle")));
        Assert.DoesNotContain(test.Lines, line => line.Contains("StoringStopped"));
    }

    [Fact]
    public async Task An_open_object_stays_and_what_finds_no_room_is_served_without_being_stored()
    {
        await using var test = await TestCache.OpenAsync(Limit);
        byte[] kept = TestContent.Make("kept", 150 * Block), large = TestContent.Make("large", 200 * Block);
        using var open = test.Open("kept", kept, new TestSource(kept));
        Assert.True((await open.CompleteAsync(CancellationToken.None)).IsOk);

        var source = new TestSource(large);
        using (var handle = test.Open("large", large, source))
        {
            await handle.ExpectAllAsync(large);
            Assert.InRange(test.Cache.Status.UsedBytes, 0, Limit);
            await HandleReads.UntilAsync(() => test.Lines.Any(line => line.Contains("StoringStopped") && line.Contains("limit")), "the log says so");
            Assert.InRange(handle.State.CachedBytes, Block, large.Length - Block);
            Assert.InRange(source.Bytes, large.Length, large.Length * 2L);
        }

        var unused = new TestSource(kept);
        Assert.True(File.Exists(test.ObjectPath("kept")));
        await open.ExpectAllAsync(kept);
        Assert.Empty(unused.Requests);
    }

    [Fact]
    public async Task While_nothing_may_go_room_is_asked_for_ever_more_rarely_until_something_is_closed()
    {
        await using var test = new TestCache();
        var time = new StoppedTime();
        var health = new Space.StoreHealth(test, time);
        int[] attempts = [AttemptsIn(10), 0, 0];
        health.MayHaveRoom();
        attempts[1] = AttemptsIn(1);
        health.Succeeded(health.TryBegin() ?? time.GetTimestamp());
        attempts[2] = AttemptsIn(1);

        // 0, 100, 300, 700, 1500, 3100 ms, and then every two seconds; anew from 100 ms, and from 0.
        Assert.Equal([9, 3, 4], attempts);
        Assert.Equal(2, test.Lines.Count(line => line.Contains("StoringStopped", StringComparison.Ordinal)));

        int AttemptsIn(int seconds)
        {
            int made = 0;
            for (int i = 0; i < seconds * 100; i++)
            {
                time.Now += TimeSpan.FromMilliseconds(10);
                if (health.TryBegin() is null)
                    continue;
                made++;
                health.Full("nothing may go");
            }

            return made;
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task An_object_that_the_cache_has_no_room_for_is_not_fetched_for_ever(bool hasRanges)
    {
        await using var test = await TestCache.OpenAsync(Limit);
        byte[] content = TestContent.Make("too large", 600 * Block);
        var source = new TestSource(content) { HasRanges = hasRanges };
        using var handle = test.Open("too large", content, source);

        var completed = await handle.CompleteAsync(CancellationToken.None).AsTask().WaitAsync(TimeSpan.FromMinutes(1));

        Assert.Equal(28, completed.Errno);
        Assert.InRange(source.Bytes, Limit / 2, content.Length * 2L);
        await handle.ExpectAsync(content, content.Length - Block, Block);
    }

    [Fact]
    public async Task A_size_that_nobody_knows_is_found_also_when_nothing_can_be_stored()
    {
        await using var test = await TestCache.OpenAsync(Limit);
        byte[] kept = TestContent.Make("kept", 250 * Block), large = TestContent.Make("large", 100 * Block);
        using var open = test.Open("kept", kept, new TestSource(kept));
        await open.CompleteAsync(CancellationToken.None).AsTask().WaitAsync(TestCache.Patience);

        var source = new TestSource(large) { HasRanges = false };
        using var handle = test.Cache.Open(TestContent.Describe("large", large, withDigest: false) with { Size = null }, source);
        var size = await handle.GetSizeAsync(CancellationToken.None).AsTask().WaitAsync(TestCache.Patience);

        Assert.Equal(new CacheRead(large.Length, 0), size);
        Assert.Equal(large.Length, source.Bytes);
    }

    [Fact]
    public async Task The_order_of_eviction_survives_a_restart()
    {
        await using var test = await TestCache.OpenAsync(Limit);
        byte[] content = TestContent.Make("content", 60 * Block);
        for (int i = 0; i < 4; i++)
            await test.FillAsync($"object {i}", content);
        await test.CloseAsync();
        // The index counts minutes; the test cannot wait for them, so the sidecars alone decide.
        Directory.Delete(test.IndexDirectory, recursive: true);
        for (int i = 0; i < 4; i++)
            File.SetLastWriteTimeUtc(test.ObjectPath($"object {i}"), DateTime.UtcNow.AddHours(i == 2 ? -5 : -1));
        await test.ReopenAsync();
        Assert.InRange(test.Cache.Status.UsedBytes, 4L * content.Length, 4L * content.Length + (1 << 20));
        await test.FillAsync("one more", content);
        Assert.False(File.Exists(test.ObjectPath("object 2")));
        Assert.Equal(4, test.Cache.Status.Objects);
    }

    [Fact]
    public async Task A_filesystem_with_too_little_free_space_is_not_filled_further()
    {
        await using var test = new TestCache();
        await using var cache = await BlockCache.OpenAsync(
            test.Options with { MinFreeBytes = long.MaxValue / 2 }, test, TimeProvider.System);
        byte[] content = TestContent.Make("a", 5 * Block);
        using var handle = cache.Open(TestContent.Describe("a", content), new TestSource(content));
        await handle.ExpectAllAsync(content);
        await HandleReads.UntilAsync(() => cache.Status.Fault?.Contains("free", StringComparison.Ordinal) == true, "the status says so");
        Assert.Equal(0, handle.State.CachedBytes);
        Assert.False(File.Exists(test.ObjectPath("a")));
    }

    [Fact]
    public async Task An_evicted_object_may_be_opened_while_it_goes()
    {
        await using var test = await TestCache.OpenAsync(Limit);
        byte[][] contents = [.. Enumerable.Range(0, 12).Select(i => TestContent.Make($"object {i}", 40 * Block))];
        await Task.WhenAll(Enumerable.Range(0, 4).Select(worker => Task.Run(async () =>
        {
            var random = new Random(worker);
            for (int i = 0; i < 25; i++)
            {
                int n = random.Next(contents.Length);
                using var handle = test.Open($"object {n}", contents[n], new TestSource(contents[n]));
                await handle.ExpectAsync(contents[n], random.Next(30 * Block), 9 * Block);
            }
        })));
        Assert.InRange(test.Cache.Status.UsedBytes, 0, Limit);
        Assert.True(test.Cache.Status.Evictions > 0);
    }

    [Theory]
    [InlineData(1 << 20, 0L, "MaxBytes")]
    [InlineData(1 << 30, -1L, "MinFreeBytes")]
    public async Task An_option_out_of_range_names_itself(long maxBytes, long minFree, string name)
    {
        var options = new CacheOptions { Directory = Path.GetTempPath(), MaxBytes = maxBytes, MinFreeBytes = minFree };
        await using var logs = new TestCache();
        var e = await Assert.ThrowsAsync<ArgumentException>(() => BlockCache.OpenAsync(options, logs, TimeProvider.System));
        Assert.Contains(name, e.Message);
    }

    /// <summary>A clock that a test turns by hand.</summary>
    private sealed class StoppedTime : TimeProvider
    {
        public TimeSpan Now { get; set; }

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => Now.Ticks;
    }

    private static long AllocatedBytes(string root) => Space.Survey.AllocatedBytes(root);
}
