using System.Runtime.InteropServices;
using ModelFs.Cache.Crash;

namespace ModelFs.Cache.Tests;

/// <summary>What the first read costs: bytes of the origin, of the disk and of memory. Counts, never times.</summary>
public sealed class ColdReadTests
{
    private const int Block = CacheOptions.BlockSize;

    [Fact]
    public async Task A_sequential_reader_is_fed_by_several_requests_at_once()
    {
        const int From = 160 * Block;
        byte[] content = TestContent.Make("parallel", 320 * Block);
        await using var test = await TestCache.OpenAsync();
        var open = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        int held = 0;
        var source = new TestSource(content)
        {
            OnRead = position =>
            {
                if (position < From)
                    return Task.CompletedTask;
                Interlocked.Increment(ref held);
                return open.Task;
            },
        };
        using var handle = test.Open("parallel", content, source);
        for (int block = 0; block < 160; block++)
            await handle.ExpectAsync(content, (long)block * Block, Block);
        await HandleReads.UntilAsync(() => Volatile.Read(ref held) >= 6, "six bodies are read side by side");
        open.SetResult();
        await handle.ExpectAllAsync(content, 1 << 20);
        Assert.Equal(content.Length, source.Bytes);
    }

    [Fact]
    public async Task What_is_read_ahead_reaches_its_reader_from_memory()
    {
        int reads = 0;
        var disk = new FaultyDisk { OnRead = () => Interlocked.Increment(ref reads) };
        await using var test = new TestCache { OpenFile = disk.Open, MaxBytes = 64 << 20 };
        await test.ReopenAsync();
        // Over half the cache: nothing is completed in the background, where blocks leave memory as soon as they are stored.
        // Less than read-ahead may take of memory: a slow disk makes no block give way.
        byte[] content = TestContent.Make("memory", 160 * Block);
        var source = new TestSource(content);
        // Without a digest: the sealer reads from the disk what it had no time to hash while it was in memory.
        using var handle = test.Open("memory", content, source, withDigest: false);
        await handle.ExpectAllAsync(content);
        Assert.Equal(0, Volatile.Read(ref reads));
        Assert.Equal(content.Length, source.Bytes);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task Interleaved_streams_and_random_reads_get_the_content_and_each_byte_is_fetched_once(int seed)
    {
        byte[] content = TestContent.Make("interleaved", 96 * Block + 12345);
        await using var test = await TestCache.OpenAsync();
        var source = new TestSource(content) { ChunkSize = 50_000 };
        using var handle = test.Open("interleaved", content, source);
        await Task.WhenAll(Enumerable.Range(0, 6).Select(stream => Task.Run(async () =>
        {
            var random = new Random(seed * 100 + stream);
            long offset = random.Next(content.Length);
            for (int i = 0; i < 60; i++)
            {
                int length = random.Next(1, 1 << 20);
                await handle.ExpectAsync(content, offset, length);
                offset = stream % 3 == 0 ? random.Next(content.Length) : (offset + length) % content.Length;
            }
        })));
        Assert.InRange(source.Bytes, 1, content.Length);
    }

    [Fact]
    public async Task A_fetch_without_progress_fails_its_reader_whatever_another_brings()
    {
        byte[] content = TestContent.Make("progress", 100 * Block);
        await using var test = await TestCache.OpenAsync();
        var source = new TestSource(content);
        using var handle = test.Open("progress", content, source);
        await handle.ExpectAsync(content, Block, 10);
        int good = 2;
        source.OnRead = async position =>
        {
            if (position != 90 * Block)
                return;
            await handle.ExpectAsync(content, Interlocked.Add(ref good, 5) * (long)Block, 10);
            throw new IOException("the connection broke");
        };
        Assert.Equal(5, (await handle.ReadAsync(90L * Block, 10)).Errno);
        Assert.Equal(4, source.Requests.Count(r => r.Offset == 90 * Block));
    }

    [Fact]
    public async Task Fetched_bytes_leave_nothing_worth_the_name_in_the_page_cache()
    {
        byte[] content = TestContent.Make("page cache", 192 * Block);
        await using var test = await TestCache.OpenAsync();
        await test.FillAsync("page cache", content);
        // The last ranges may still be on their way to the disk; where the kernel does not drop by itself, they stay.
        await HandleReads.UntilAsync(() => ResidentBytes(test.ObjectPath("page cache"), content.Length) <= 16 << 20, "the pages are dropped");
    }

    [Fact]
    public async Task What_is_served_is_in_memory_once_and_leaves_nothing_worth_the_name_in_the_page_cache_of_the_disk()
    {
        byte[] content = TestContent.Make("served", 192 * Block);
        await using var test = await TestCache.OpenAsync();
        await test.FillAsync("served", content);
        using var handle = test.Open("served", content, new TestSource([]));
        for (int round = 0; round < 2; round++)
        {
            for (int at = 0; at < content.Length; at += 4 * Block)
                await handle.ExpectAsync(content, at, 4 * Block);
        }

        await HandleReads.UntilAsync(() => ResidentBytes(test.ObjectPath("served"), content.Length) <= 16 << 20, "the pages are dropped");
    }

    internal static long ResidentBytes(string path, int length)
    {
        using var file = File.OpenHandle(path);
        nint address = mmap(0, length, 1 /* PROT_READ */, 1 /* MAP_SHARED */, (int)file.DangerousGetHandle(), 0);
        Assert.NotEqual(-1, address);
        byte[] pages = new byte[(length + Environment.SystemPageSize - 1) / Environment.SystemPageSize];
        int result = mincore(address, length, ref pages[0]);
        _ = munmap(address, length);
        Assert.Equal(0, result);
        return pages.Count(page => (page & 1) != 0) * (long)Environment.SystemPageSize;
    }

    [DllImport("libc", SetLastError = true)]
    private static extern nint mmap(nint address, nint length, int protection, int flags, int fd, nint offset);

    [DllImport("libc", SetLastError = true)]
    private static extern int mincore(nint address, nint length, ref byte pages);

    [DllImport("libc")]
    private static extern int munmap(nint address, nint length);
}
