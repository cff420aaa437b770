using ModelFs.Cache.Crash;

namespace ModelFs.Cache.Tests;

/// <summary>Origins that misbehave, and what their readers get.</summary>
public sealed class SourceTests
{
    private const int Block = CacheOptions.BlockSize;
    private const int EIO = 5;
    private const int EACCES = 13;

    [Fact]
    public async Task A_source_without_ranges_is_read_once_by_one_stream_whoever_reads_where()
    {
        byte[] content = TestContent.Make("stream", 30 * Block + 1);
        await using var test = await TestCache.OpenAsync();
        var source = new TestSource(content) { HasRanges = false };
        await Task.WhenAll(Enumerable.Range(0, 16).Select(i => Task.Run(async () =>
        {
            using var handle = test.Open("stream", content, source);
            await handle.ExpectAsync(content, (29 - i) * (long)Block + 100, Block);
            await handle.ExpectAllAsync(content, Block);
        })));
        Assert.Equal(1, source.MostOpen);
        Assert.InRange(source.Requests.Count, 1, 2); // The first may have asked for its range, and met the stream from its start.
        Assert.InRange(source.Bytes, content.Length, content.Length + 1);
        using var last = test.Open("stream", content, source);
        Assert.True((await last.CompleteAsync(CancellationToken.None)).IsOk);
    }

    [Fact]
    public async Task The_first_byte_of_a_stream_does_not_wait_for_its_last()
    {
        byte[] content = TestContent.Make("stream", 20 * Block);
        await using var test = await TestCache.OpenAsync();
        var rest = new TaskCompletionSource();
        var source = new TestSource(content) { HasRanges = false, OnRead = position => position < 10 * Block ? Task.CompletedTask : rest.Task };
        using var handle = test.Open("stream", content, source);
        await handle.ExpectAsync(content, 5 * Block, Block);
        await handle.ExpectAsync(content, 0, 100);
        var late = handle.ReadAsync(19 * Block, 100);
        await Task.Delay(50);
        Assert.False(late.IsCompleted);
        rest.SetResult();
        Assert.Equal(content[(19 * Block)..(19 * Block + 100)], (await late).Bytes);
        Assert.Equal(1, source.MostOpen);
    }

    [Fact]
    public async Task A_stream_that_breaks_is_begun_again_and_skips_what_is_there()
    {
        byte[] content = TestContent.Make("stream", 12 * Block);
        await using var test = await TestCache.OpenAsync();
        int breaks = 0;
        var source = new TestSource(content) { HasRanges = false };
        source.OnRead = position => position == 6 * Block + 65536 && Interlocked.Increment(ref breaks) <= 2
            ? Task.FromException(new IOException("connection reset"))
            : Task.CompletedTask;
        using var handle = test.Open("stream", content, source);
        await handle.ExpectAsync(content, 11 * Block, Block);
        await handle.ExpectAllAsync(content);
        Assert.Equal(3, source.Requests.Count);
    }

    [Fact]
    public async Task A_stream_that_always_breaks_fails_its_readers_after_three_more_attempts()
    {
        byte[] content = TestContent.Make("stream", 12 * Block);
        await using var test = await TestCache.OpenAsync();
        var source = new TestSource(content)
        {
            HasRanges = false,
            OnRead = position => position >= 6 * Block ? Task.FromException(new IOException("connection reset")) : Task.CompletedTask,
        };
        using var handle = test.Open("stream", content, source);
        Assert.Equal(EIO, (await handle.ReadAsync(8 * Block, 10)).Errno);
        Assert.Equal(4, source.Requests.Count);
        await handle.ExpectAsync(content, 0, 5 * Block);
        Assert.Equal(4, source.Requests.Count);
    }

    [Fact]
    public async Task A_body_that_is_too_short_is_asked_for_again_from_where_it_stopped_then_fails()
    {
        byte[] content = TestContent.Make("short", 40 * Block);
        await using var test = await TestCache.OpenAsync();
        var source = new TestSource(content) { BodyEnd = 38 * Block + 10 };
        using var handle = test.Open("short", content, source);
        Assert.Equal(EIO, (await handle.ReadAsync(36 * Block, 4 * Block)).Errno);
        Assert.Equal(4, source.Requests.Count);
        Assert.All(source.Requests.Skip(1), r => Assert.Equal((38L * Block, 2L * Block), r));
        await handle.ExpectAsync(content, 36 * Block, 2 * Block);
        Assert.Equal(4, source.Requests.Count);

        source.BodyEnd = null;
        await Task.Delay(150);
        await handle.ExpectAsync(content, 38 * Block, 2 * Block);
    }

    [Fact]
    public async Task A_body_that_is_too_long_fails_and_nothing_beyond_the_size_is_stored()
    {
        byte[] content = TestContent.Make("long", 3 * Block + 500);
        await using var test = await TestCache.OpenAsync();
        var source = new TestSource(content) { BodyEnd = content.Length + Block };
        using (var handle = test.Open("long", content, source))
        {
            Assert.Equal(EIO, (await handle.ReadAsync(3 * Block, 500)).Errno);
            Assert.InRange(source.Bytes, 0, Block);
            await Task.Delay(150);
            await handle.ExpectAsync(content, 0, Block);
            Assert.Equal(EIO, (await handle.CompleteAsync(CancellationToken.None)).Errno);
        }

        await test.CloseAsync();
        Assert.InRange(new FileInfo(test.ObjectPath("long")).Length, Block, content.Length);
        Assert.InRange(Disk.Linux.AllocatedBytes(test.ObjectPath("long")), Block, 3 * Block);
    }

    [Fact]
    public async Task An_answer_that_contradicts_the_known_size_fails_and_is_not_stored()
    {
        byte[] content = TestContent.Make("other", 3 * Block);
        await using var test = await TestCache.OpenAsync();
        var source = new TestSource(content) { TotalLength = content.Length + 1 };
        using var handle = test.Open("other", content, source);
        Assert.Equal(EIO, (await handle.ReadAsync(0, 10)).Errno);
        Assert.Equal(0, handle.State.CachedBytes);
        Assert.Equal(0, source.Bytes);
    }

    [Fact]
    public async Task An_answer_from_another_offset_fails()
    {
        byte[] content = TestContent.Make("offset", 5 * Block);
        await using var test = await TestCache.OpenAsync();
        var source = new TestSource(content) { OffsetError = 1 };
        using var handle = test.Open("offset", content, source);
        Assert.Equal(EIO, (await handle.ReadAsync(2 * Block, 10)).Errno);
        Assert.Equal(0, source.Bytes);
    }

    [Fact]
    public async Task Readers_get_the_errno_of_the_source_and_the_next_read_tries_anew()
    {
        byte[] content = TestContent.Make("denied", 2 * Block);
        await using var test = await TestCache.OpenAsync();
        var source = new TestSource(content) { OnOpen = n => n == 1 ? Task.FromException(new SourceException(EACCES, "no")) : Task.CompletedTask };
        using var handle = test.Open("denied", content, source);
        var reads = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => handle.ReadAsync(0, 100)));
        Assert.All(reads, r => Assert.Equal(EACCES, r.Errno));
        Assert.Single(source.Requests);
        await Task.Delay(150);
        await handle.ExpectAsync(content, 0, 100);
    }

    [Fact]
    public async Task Whatever_a_source_throws_is_an_errno_to_its_readers()
    {
        byte[] content = TestContent.Make("bug", Block);
        await using var test = await TestCache.OpenAsync();
        var source = new TestSource(content) { OnOpen = _ => Task.FromException(new NotSupportedException("a bug")) };
        using var handle = test.Open("bug", content, source);
        Assert.Equal(EIO, (await handle.ReadAsync(0, 100)).Errno);
        Assert.Contains(test.Lines, line => line.Contains("a bug"));
    }

    [Fact]
    public async Task A_source_that_hangs_delays_nobody_elses_object()
    {
        byte[] content = TestContent.Make("fine", 3 * Block);
        await using var test = await TestCache.OpenAsync();
        var hanging = new TestSource(content) { OnRead = _ => new TaskCompletionSource().Task };
        using var cancellation = new CancellationTokenSource();
        var handles = Enumerable.Range(0, 30).Select(i => test.Open($"hung {i}", content, hanging)).ToList();
        var waiting = handles.Select(h => h.ReadAsync(0, new byte[10], cancellation.Token).AsTask()).ToList();
        using var handle = test.Open("fine", content, new TestSource(content));
        await handle.ExpectAllAsync(content);
        Assert.All(waiting, w => Assert.False(w.IsCompleted));
        cancellation.Cancel();
        foreach (var task in waiting)
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => task);
        handles.ForEach(h => h.Dispose());
    }

    [Fact]
    public async Task A_registry_that_hangs_under_any_number_of_readers_leaves_the_others_room()
    {
        byte[] content = TestContent.Make("fine", 3 * Block);
        await using var test = await TestCache.OpenAsync();
        var hanging = new TestSource(content) { OnOpen = _ => new TaskCompletionSource().Task };
        using var cancellation = new CancellationTokenSource();
        var handles = Enumerable.Range(0, 300).Select(i => test.Open($"hung {i}", content, hanging)).ToList();
        var waiting = handles.Select(h => h.ReadAsync(0, new byte[10], cancellation.Token).AsTask()).ToList();
        await HandleReads.UntilAsync(() => hanging.Requests.Count >= 90, "many of them ask");

        using var handle = test.Cache.Open(TestContent.Describe("fine", content) with { Owner = "ANOTHER" }, new TestSource(content));
        await handle.ExpectAllAsync(content);

        cancellation.Cancel();
        foreach (var task in waiting)
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => task);
        handles.ForEach(h => h.Dispose());
    }

    [Fact]
    public async Task Registries_that_hang_together_leave_another_room()
    {
        byte[] content = TestContent.Make("fine", 3 * Block);
        await using var test = await TestCache.OpenAsync();
        var hanging = new TestSource(content) { OnOpen = _ => new TaskCompletionSource().Task };
        using var cancellation = new CancellationTokenSource();
        var handles = new List<ObjectHandle>();
        var waiting = new List<Task<CacheRead>>();
        foreach (string registry in (string[])["ONE", "TWO", "THREE"])
        {
            int before = hanging.Requests.Count;
            for (int i = 0; i < 200; i++)
            {
                handles.Add(test.Cache.Open(TestContent.Describe($"{registry} {i}", content) with { Owner = registry }, hanging));
                waiting.Add(handles[^1].ReadAsync(0, new byte[10], cancellation.Token).AsTask());
            }

            await HandleReads.UntilAsync(() => hanging.Requests.Count >= before + 24, "as many ask as may");
        }

        using var handle = test.Cache.Open(TestContent.Describe("fine", content) with { Owner = "ANOTHER" }, new TestSource(content));
        await handle.ExpectAllAsync(content);

        cancellation.Cancel();
        foreach (var task in waiting)
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => task);
        handles.ForEach(h => h.Dispose());
    }

    [Fact]
    public async Task Read_ahead_that_hangs_does_not_starve_a_reader_who_waits()
    {
        await using var test = await TestCache.OpenAsync();
        byte[] content = TestContent.Make("sequential", 100 * Block);
        var never = new TaskCompletionSource();
        // Four blocks are answered, what is read ahead after them never is.
        var source = new TestSource(content) { OnRead = position => position < 4 * Block ? Task.CompletedTask : never.Task };
        var handles = Enumerable.Range(0, 40).Select(i => test.Open($"sequential {i}", content, source)).ToList();
        foreach (var handle in handles)
        {
            for (int block = 0; block < 4; block++)
                await handle.ExpectAsync(content, block * Block, Block);
        }

        byte[] fine = TestContent.Make("fine", 8 * Block);
        using (var handle = test.Open("fine", fine, new TestSource(fine)))
            await handle.ExpectAllAsync(fine);
        handles.ForEach(h => h.Dispose());
    }
}
