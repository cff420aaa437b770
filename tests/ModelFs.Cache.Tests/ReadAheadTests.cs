using ModelFs.Cache.Crash;
using ModelFs.Cache.Objects;

namespace ModelFs.Cache.Tests;

public sealed class ReadAheadTests
{
    private const int Block = CacheOptions.BlockSize;

    [Fact]
    public async Task Random_small_reads_fetch_exactly_their_blocks()
    {
        byte[] content = TestContent.Make("random", 200 * Block);
        await using var test = await TestCache.OpenAsync();
        var source = new TestSource(content);
        using var handle = test.Open("random", content, source);
        var random = new Random(4711);
        int[] blocks = [.. Enumerable.Range(0, 20).Select(i => i * 10 + random.Next(3)).OrderBy(_ => random.Next())];
        foreach (int block in blocks)
            await handle.ExpectAsync(content, block * (long)Block + random.Next(Block - 4096), 4096);
        Assert.Equal(20, source.Requests.Count);
        Assert.All(source.Requests, r => Assert.Equal(Block, r.Length));
    }

    [Fact]
    public async Task Sequential_reads_take_few_requests_that_double()
    {
        byte[] content = TestContent.Make("sequential", 128 * Block);
        await using var test = await TestCache.OpenAsync();
        var source = new TestSource(content);
        using var handle = test.Open("sequential", content, source);
        await handle.ExpectAllAsync(content);
        // The first four bring 7 blocks or more; what comes after runs side by side, in requests of 1 MiB or more.
        Assert.InRange(source.Requests.Count, 4, 4 + (121 / 4));
        Assert.Equal(Block, source.Requests.First().Length);
        await HandleReads.UntilAsync(() => handle.State.Sealed, "all is there");
        Assert.True(source.Requests.Max(r => r.Length) >= 16 * Block, string.Join(' ', source.Requests));
        Assert.Equal(content.Length, source.Bytes);
    }

    [Theory]
    [InlineData(16, 2)]
    [InlineData(40, 3)]
    public async Task A_reader_that_stops_has_cost_at_most_twice_what_it_read_and_after_4_MiB_three_times(int blocks, int times)
    {
        byte[] content = TestContent.Make("stops", 200 * Block);
        await using var test = await TestCache.OpenAsync();
        var source = new TestSource(content);
        using var handle = test.Open("stops", content, source);
        for (int i = 0; i < blocks; i++)
            await handle.ExpectAsync(content, i * (long)Block, Block);
        await HandleReads.UntilAsync(() => source.Requests.Sum(r => r.Length) == source.Bytes, "requests end");
        Assert.InRange(source.Bytes, blocks * (long)Block, times * blocks * (long)Block);
    }

    [Fact]
    public async Task A_file_read_through_for_a_quarter_is_completed_in_the_background()
    {
        byte[] content = TestContent.Make("eager", 40 * Block);
        await using var test = await TestCache.OpenAsync();
        var source = new TestSource(content);
        using var handle = test.Open("eager", content, source);
        for (int i = 0; i < 11; i++)
            await handle.ExpectAsync(content, i * (long)Block, Block);
        await HandleReads.UntilAsync(() => handle.State.Sealed, "the file seals by itself");
        Assert.Equal(content.Length, source.Bytes);
    }

    [Fact]
    public async Task A_file_whose_readers_never_rest_is_completed_while_they_read_what_is_there()
    {
        byte[] content = TestContent.Make("restless", 40 * Block);
        await using var test = await TestCache.OpenAsync();
        var source = new TestSource(content);
        using var handle = test.Open("restless", content, source);
        for (int i = 0; i < 11; i++)
            await handle.ExpectAsync(content, i * (long)Block, Block);
        using var end = new CancellationTokenSource();
        var reader = Task.Run(async () =>
        {
            while (!end.IsCancellationRequested)
            {
                await handle.ExpectAsync(content, 5 * Block, 4096);
                await Task.Delay(10);
            }
        });
        await HandleReads.UntilAsync(() => handle.State.Sealed, "the file seals under its reader");
        await end.CancelAsync();
        await reader;
        Assert.Equal(content.Length, source.Bytes);
    }

    [Fact]
    public async Task A_file_of_which_there_is_always_something_to_fetch_is_completed_all_the_same()
    {
        const int Held = 30;
        byte[] content = TestContent.Make("always", 40 * Block);
        await using var test = await TestCache.OpenAsync();
        var open = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var source = new TestSource(content) { OnRead = position => position / Block == Held ? open.Task : Task.CompletedTask };
        using var handle = test.Open("always", content, source);
        for (int i = 0; i < 11; i++)
            await handle.ExpectAsync(content, i * (long)Block, Block);
        var waits = handle.ExpectAsync(content, Held * (long)Block, 10);
        await HandleReads.UntilAsync(() => handle.State.CachedBytes == content.Length - Block, "all but what the reader waits for is there");
        Assert.False(waits.IsCompleted);
        open.SetResult();
        await waits;
        await HandleReads.UntilAsync(() => handle.State.Sealed, "the file seals");
        Assert.Equal(content.Length, source.Bytes);
    }

    [Fact]
    public async Task A_clock_that_is_set_back_holds_up_no_completion()
    {
        byte[] content = TestContent.Make("eager", 40 * Block);
        await using var test = await TestCache.OpenAsync();
        test.Time.Ahead = TimeSpan.FromHours(1);
        using var handle = test.Open("eager", content, new TestSource(content));
        for (int i = 0; i < 11; i++)
            await handle.ExpectAsync(content, i * (long)Block, Block);
        test.Time.Ahead = TimeSpan.Zero;
        await HandleReads.UntilAsync(() => handle.State.Sealed, "the file seals by itself");
    }

    [Fact]
    public async Task A_file_of_over_half_the_cache_is_not_completed_by_itself()
    {
        byte[] content = TestContent.Make("huge", 160 * Block);
        await using var test = await TestCache.OpenAsync(maxBytes: 64 << 20);
        var source = new TestSource(content);
        using var handle = test.Open("huge", content, source);
        for (int i = 0; i < 41; i++)
            await handle.ExpectAsync(content, i * (long)Block, Block);
        await Task.Delay(300);
        Assert.InRange(source.Bytes, 41L * Block, 3 * 41L * Block);
        Assert.False(handle.State.Sealed);
    }

    [Fact]
    public void Interleaved_streams_are_each_seen_as_sequential()
    {
        var readAhead = new ReadAhead();
        const long Far = 1L << 30;
        ReadAhead.Hint hint = default;
        for (int i = 0; i <= 64; i++)
        {
            for (int stream = 0; stream < 8; stream++)
            {
                hint = readAhead.Observe(stream * Far + i * 131072L, 131072);
                Assert.Equal(i == 0 ? 0 : stream * Far + (i + 1) * 131072L, hint.Position);
            }
        }

        Assert.Equal(16 << 20, hint.Window);
        Assert.Equal(8, hint.Running);
        Assert.Equal(0, readAhead.Observe(100 * Far, 4096).Window);
    }

    [Fact]
    public async Task Readers_at_eight_places_of_a_file_are_each_read_ahead_of_within_one_budget()
    {
        const int Readers = 8, Between = 160 * Block, Read = 36 * Block;
        byte[] content = TestContent.Make("places", Readers * Between);
        await using var test = await TestCache.OpenAsync(maxBytes: 512 << 20); // too small a cache for the file to be completed by itself
        var source = new TestSource(content);
        using var handle = test.Open("places", content, source, withDigest: false);
        for (long done = 0; done < Read; done += Block)
        {
            for (int reader = 0; reader < Readers; reader++)
                await handle.ExpectAsync(content, reader * (long)Between + done, Block);
        }

        // Each alone would have twice what it read, 18 MiB.
        await HandleReads.UntilAsync(() => Ahead().All(bytes => bytes >= 4 << 20), "each is read ahead of");
        Assert.All(Ahead(), bytes => Assert.InRange(bytes, 0, ReadAhead.MaxWindow / Readers));

        IEnumerable<long> Ahead() => Enumerable.Range(0, Readers).Select(
            reader => source.Requests.Where(r => r.Offset / Between == reader).Max(r => r.Offset + r.Length) - reader * (long)Between - Read);
    }

    [Fact]
    public void A_reader_that_stopped_leaves_its_part_to_those_who_go_on()
    {
        var readAhead = new ReadAhead();
        for (int i = 0; i < 8; i++)
        {
            readAhead.Observe(i * (long)Block, Block);
            Assert.Equal(i == 0 ? 0 : 2, readAhead.Observe((1L << 30) + i * (long)Block, Block).Running);
        }

        ReadAhead.Hint hint = default;
        for (int i = 8; i < 100; i++)
            hint = readAhead.Observe(i * (long)Block, Block);
        Assert.Equal(1, hint.Running);
    }

    [Theory]
    [InlineData(4 << 10)]
    [InlineData(256 << 10)]
    [InlineData(1 << 20)]
    public void Random_readers_of_a_large_file_cost_next_to_nothing_ahead(int count)
    {
        var (readAhead, random) = (new ReadAhead(), new Random(count));
        long ahead = 0;
        for (int i = 0; i < 2000; i++)
            ahead += readAhead.Observe(random.NextInt64(10L << 30) & ~4095L, count).Window;
        Assert.InRange(ahead, 0, 2000L * count / 20);
    }

    [Fact]
    public void Reads_that_overtake_each_other_are_one_stream()
    {
        var readAhead = new ReadAhead();
        ReadAhead.Hint hint = default;
        for (int pair = 0; pair < 32; pair++)
        {
            readAhead.Observe((2 * pair + 1) * 131072L, 131072);
            hint = readAhead.Observe(2 * pair * 131072L, 131072);
        }

        Assert.Equal(64 * 131072, hint.Position);
        Assert.True(hint.Window >= 2 << 20, $"{hint.Window} bytes");
    }

    [Fact]
    public void Reading_the_same_place_again_is_not_sequential()
    {
        var readAhead = new ReadAhead();
        for (int i = 0; i < 1000; i++)
            Assert.Equal(0, readAhead.Observe(12345, 1 << 20).Run);
    }
}
