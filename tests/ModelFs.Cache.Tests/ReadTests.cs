using System.IO.MemoryMappedFiles;
using ModelFs.Cache.Crash;

namespace ModelFs.Cache.Tests;

public sealed class ReadTests
{
    private const int Block = CacheOptions.BlockSize;

    [Theory]
    [InlineData(1)]
    [InlineData(4095)]
    [InlineData(Block - 1)]
    [InlineData(Block)]
    [InlineData(Block + 1)]
    [InlineData(5 * Block + 123)]
    public async Task A_file_reads_as_it_is(int size)
    {
        byte[] content = TestContent.Make($"size {size}", size);
        await using var test = await TestCache.OpenAsync();
        var source = new TestSource(content);
        using var handle = test.Open("a", content, source);
        await handle.ExpectAllAsync(content, 100_000);
        await handle.CompleteAsync(CancellationToken.None);
        await handle.ExpectAllAsync(content, 4096);
        Assert.Equal(size, source.Bytes);
    }

    [Fact]
    public async Task Reading_past_the_end_returns_zero_bytes()
    {
        byte[] content = TestContent.Make("a", 1000);
        await using var test = await TestCache.OpenAsync();
        using var handle = test.Open("a", content, new TestSource(content));
        byte[] buffer = new byte[100];
        Assert.Equal(new CacheRead(0, 0), await handle.ReadAsync(1000, buffer, CancellationToken.None));
        Assert.Equal(new CacheRead(0, 0), await handle.ReadAsync(long.MaxValue - 100, buffer, CancellationToken.None));
        Assert.Equal(new CacheRead(1, 0), await handle.ReadAsync(999, buffer, CancellationToken.None));
        Assert.True(handle.TryRead(5000, buffer, out int count));
        Assert.Equal(0, count);
    }

    [Fact]
    public async Task Sixty_four_readers_fetch_each_byte_once()
    {
        byte[] content = TestContent.Make("shared", 20 * Block + 77);
        await using var test = await TestCache.OpenAsync();
        var source = new TestSource(content);
        await Task.WhenAll(Enumerable.Range(0, 64).Select(i => Task.Run(async () =>
        {
            using var handle = test.Open("shared", content, source);
            for (int n = 0; n < 20; n++)
                await handle.ExpectAsync(content, (n + i) % 21 * (long)Block + i * 11, Block);
            await handle.ExpectAllAsync(content, 300_000);
        })));
        Assert.Equal(content.Length, source.Bytes);
    }

    [Fact]
    public async Task A_reader_gets_its_bytes_while_the_source_withholds_the_rest_of_the_block()
    {
        byte[] content = TestContent.Make("slow", 2 * Block);
        await using var test = await TestCache.OpenAsync();
        var rest = new TaskCompletionSource();
        var source = new TestSource(content) { ChunkSize = 4096, OnRead = position => position < 8192 ? Task.CompletedTask : rest.Task };
        using var handle = test.Open("slow", content, source);
        await handle.ExpectAsync(content, 0, 8192);
        await handle.ExpectAsync(content, 5000, 3000);
        Assert.True(handle.TryRead(100, new byte[8000], out _));
        Assert.False(handle.TryRead(100, new byte[8100], out _));
        var waiting = handle.ReadAsync(8000, 1000);
        Assert.False(waiting.IsCompleted);
        rest.SetResult();
        Assert.Equal(content[8000..9000], (await waiting).Bytes);
    }

    [Fact]
    public async Task A_reader_that_gives_up_disturbs_nobody()
    {
        byte[] content = TestContent.Make("a", 3 * Block);
        await using var test = await TestCache.OpenAsync();
        var gate = new TaskCompletionSource();
        var source = new TestSource(content) { OnRead = _ => gate.Task };
        using var handle = test.Open("a", content, source);
        using var cancellation = new CancellationTokenSource();
        var impatient = Enumerable.Range(0, 10).Select(_ => handle.ReadAsync(0, new byte[Block], cancellation.Token).AsTask()).ToList();
        var patient = handle.ReadAsync(0, Block);
        cancellation.Cancel();
        foreach (var task in impatient)
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => task.WaitAsync(TestCache.Patience));
        gate.SetResult();
        Assert.Equal(content[..Block], (await patient).Bytes);
        Assert.Single(source.Requests);
    }

    [Fact]
    public async Task Adjacent_missing_blocks_go_out_as_one_request_from_a_block_boundary()
    {
        byte[] content = TestContent.Make("a", 80 * Block);
        await using var test = await TestCache.OpenAsync();
        var source = new TestSource(content);
        using var handle = test.Open("a", content, source);
        await handle.ExpectAsync(content, 20 * Block + 5, 6 * Block);
        Assert.Equal([(20L * Block, 7L * Block)], source.Requests);
        await handle.ExpectAsync(content, 18 * Block + 9, 11 * Block);
        Assert.Equal([(20L * Block, 7L * Block), (18L * Block, 2L * Block), (27L * Block, 3L * Block)], source.Requests);
    }

    [Fact]
    public async Task A_warm_read_allocates_nothing()
    {
        byte[] content = TestContent.Make("warm", 8 * Block);
        await using var test = await TestCache.OpenAsync();
        await test.FillAsync("warm", content);
        using var handle = test.Open("warm", content, new TestSource(content));
        byte[] buffer = new byte[128 * 1024];
        // Our own reads keep nothing in memory; what somebody maps stays there.
        using var mapping = MemoryMappedFile.CreateFromFile(test.ObjectPath("warm"), FileMode.Open, null, 0, MemoryMappedFileAccess.Read);
        using var view = mapping.CreateViewAccessor(0, 0, MemoryMappedFileAccess.Read);
        await HandleReads.UntilAsync(() => IsWarm(), "the object is looked at again");
        // The runtime compiles what is hot, and that is on somebody's bill: of five rounds the cheapest counts.
        long allocated = long.MaxValue;
        for (int round = 0; round < 5; round++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            bool all = true;
            for (int i = 0; i < 1000; i++)
                all &= handle.TryRead(i * 1999L, buffer, out int count) && count > 0;
            allocated = Math.Min(allocated, GC.GetAllocatedBytesForCurrentThread() - before);
            Assert.True(all);
        }

        Assert.Equal(0, allocated);

        bool IsWarm()
        {
            for (int at = 0; at < content.Length; at += Environment.SystemPageSize)
                view.ReadByte(at);
            return Enumerable.Range(0, 8).All(block => handle.TryRead(block * Block, buffer, out _));
        }
    }

    [Fact]
    public async Task A_size_that_nobody_knows_is_found_by_one_fetch()
    {
        byte[] content = TestContent.Make("unknown", 5 * Block + 100);
        await using var test = await TestCache.OpenAsync();
        var source = new TestSource(content);
        var descriptor = TestContent.Describe("unknown", content) with { Size = null };
        using (var handle = test.Cache.Open(descriptor, source))
        {
            Assert.Equal(new CacheRead(content.Length, 0), await handle.GetSizeAsync(CancellationToken.None).AsTask().WaitAsync(TestCache.Patience));
            await handle.ExpectAllAsync(content);
            Assert.True((await handle.CompleteAsync(CancellationToken.None)).IsOk);
        }

        Assert.Equal(content.Length, source.Bytes);
        await test.ReopenAsync();
        using var again = test.Cache.Open(descriptor, source);
        Assert.Equal(new CacheRead(content.Length, 0), await again.GetSizeAsync(CancellationToken.None));
        await again.ExpectAllAsync(content);
        Assert.Equal(content.Length, source.Bytes);
    }

    [Fact]
    public async Task A_size_that_the_answer_tells_is_known_before_the_end()
    {
        byte[] content = TestContent.Make("unknown", 3 * Block);
        await using var test = await TestCache.OpenAsync();
        var rest = new TaskCompletionSource();
        var source = new TestSource(content) { TotalLength = content.Length, OnRead = position => position < Block ? Task.CompletedTask : rest.Task };
        using var handle = test.Cache.Open(TestContent.Describe("unknown", content) with { Size = null }, source);
        Assert.Equal(new CacheRead(content.Length, 0), await handle.GetSizeAsync(CancellationToken.None).AsTask().WaitAsync(TestCache.Patience));
        rest.SetResult();
        await handle.ExpectAllAsync(content);
    }

    [Fact]
    public async Task An_empty_object_is_sealed_without_a_request()
    {
        await using var test = await TestCache.OpenAsync();
        var source = new TestSource([]);
        using var handle = test.Open("empty", [], source);
        Assert.Equal(new CacheRead(0, 0), await handle.ReadAsync(0, new byte[10], CancellationToken.None));
        Assert.Equal(new CacheRead(0, 0), await handle.CompleteAsync(CancellationToken.None));
        Assert.True(handle.State.Sealed);
        Assert.Empty(source.Requests);
    }
}
