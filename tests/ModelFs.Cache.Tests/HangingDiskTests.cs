using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using ModelFs.Cache.Crash;
using ModelFs.Cache.Fetching;

namespace ModelFs.Cache.Tests;

/// <summary>A disk that does not answer holds nobody up but those who wait for what lies on it.</summary>
public sealed class HangingDiskTests
{
    private const int Block = CacheOptions.BlockSize;

    [Fact]
    public async Task A_disk_that_does_not_answer_holds_up_no_reader_of_what_arrives()
    {
        using var stuck = new ManualResetEventSlim();
        var disk = new FaultyDisk { OnWrite = stuck.Wait };
        await using var test = new TestCache { OpenFile = disk.Open };
        await test.ReopenAsync();
        // More than all the memory that blocks in flight may take.
        byte[] content = TestContent.Make("a", 400 * Block);
        var source = new TestSource(content) { ChunkSize = Block };
        using (var handle = test.Open("a", content, source))
        {
            await handle.ExpectAllAsync(content, 1 << 20);
            Assert.Contains("not answered", test.Cache.Status.Fault);
            Assert.InRange(test.Cache.Resources.Buffers.InUse, 1, BufferPool.Capacity);
        }

        stuck.Set();
        await Task.Delay(2100);
        await test.FillAsync("b", content[..Block]);
        Assert.Null(test.Cache.Status.Fault);
    }

    [Fact]
    public async Task A_disk_that_does_not_answer_never_holds_the_thread_that_brings_bytes()
    {
        using var stuck = new ManualResetEventSlim();
        var disk = new FaultyDisk { OnWrite = stuck.Wait, OnRead = stuck.Wait, OnSync = stuck.Wait };
        using var pieces = new BlockingCollection<TaskCompletionSource>();
        // It brings a piece only when it has come back from handing on the one before.
        var bringer = new Thread(() =>
        {
            foreach (var piece in pieces.GetConsumingEnumerable())
                piece.SetResult();
        });
        bringer.Start();
        await using (var test = new TestCache { OpenFile = disk.Open })
        {
            await test.ReopenAsync();
            byte[] content = TestContent.Make("a", 40 * Block);
            using var handle = test.Open("a", content, new TestSource(content) { ChunkSize = Block / 2, OnRead = _ => NextAsync() });
            await handle.ExpectAllAsync(content, 1 << 20);
            stuck.Set();
        }

        pieces.CompleteAdding();
        Assert.True(bringer.Join(TestCache.Patience));

        Task NextAsync()
        {
            var piece = new TaskCompletionSource();
            pieces.Add(piece);
            return piece.Task;
        }
    }

    [Fact]
    public async Task What_a_disk_that_hangs_does_not_give_is_fetched_again()
    {
        using var stuck = new ManualResetEventSlim();
        var disk = new FaultyDisk();
        await using var test = new TestCache { OpenFile = disk.Open };
        await test.ReopenAsync();
        byte[] cached = TestContent.Make("cached", 40 * Block), fresh = TestContent.Make("fresh", 8 * Block);
        await test.FillAsync("cached", cached);
        var origin = new TestSource(cached);
        using (var hung = test.Open("cached", cached, origin))
        {
            await hung.ExpectAsync(cached, 0, 10);
            Assert.Equal(0, origin.Bytes);
            disk.OnRead = () => stuck.Wait(TestCache.Patience);
            await hung.ExpectAllAsync(cached, 1 << 20);
            Assert.InRange(origin.Bytes, 1, 2L * cached.Length);
            await HandleReads.UntilAsync(() => test.Cache.Status.Fault?.Contains("not answered", StringComparison.Ordinal) == true, "the disk is known to hang");
            // Others too.
            using var other = test.Open("fresh", fresh, new TestSource(fresh));
            await other.ExpectAllAsync(fresh);
        }

        stuck.Set();
        await HandleReads.UntilAsync(() => test.Cache.Status.Fault is null, "the disk is known to be back");
        // Nothing of it was lost, and nothing is counted twice.
        using var again = test.Open("cached", cached, new TestSource([]));
        await again.ExpectAllAsync(cached);
        Assert.True(again.State.Sealed);
        Assert.InRange(test.Cache.Status.UsedBytes, cached.Length, cached.Length + (4 << 20));
    }

    [Fact]
    public async Task What_the_disk_does_not_say_it_has_is_served_unstored_and_taken_when_it_answers()
    {
        await using var test = await TestCache.OpenAsync();
        byte[] content = TestContent.Make("a", 20 * Block);
        await test.FillAsync("a", content);
        await test.ReopenAsync();
        string seal = test.ObjectPath("a") + ".seal";
        File.Delete(seal);
        Assert.Equal(0, mkfifo(seal, 0x180)); // Who opens it waits for somebody who writes.
        var origin = new TestSource(content);
        using var handle = test.Open("a", content, origin);
        await handle.ExpectAllAsync(content, 1 << 20);
        Assert.InRange(origin.Bytes, content.Length, 2L * content.Length);
        Assert.Equal(0, handle.State.CachedBytes);
        await HandleReads.UntilAsync(() => test.Cache.Status.Fault is not null, "the disk is known to hang");
        File.OpenHandle(seal, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite).Dispose();
        await HandleReads.UntilAsync(() => handle.State.CachedBytes == content.Length, "what lies there is known");
        long used = test.Cache.Status.UsedBytes;
        await handle.ExpectAllAsync(content);
        Assert.InRange(used, content.Length, content.Length + (4 << 20));
    }

    [Fact]
    public async Task A_disk_that_hangs_for_a_moment_costs_no_prefetch()
    {
        using var stuck = new ManualResetEventSlim();
        int writes = 0;
        var disk = new FaultyDisk();
        disk.OnWrite = () =>
        {
            Interlocked.Increment(ref writes);
            stuck.Wait();
        };
        await using var test = new TestCache { OpenFile = disk.Open };
        await test.ReopenAsync();
        // Each writer hangs at another file: what comes after them is given up.
        byte[] content = TestContent.Make("a", 8 * Block);
        var others = Enumerable.Range(0, 4).Select(i => test.Open($"{i}", content, new TestSource(content))).ToList();
        foreach (var other in others)
            await other.ExpectAsync(content, 0, 10);
        await HandleReads.UntilAsync(() => writes == 4 || test.Cache.Status.Fault is not null, "nothing more is written");
        var source = new TestSource(content);
        using (var handle = test.Open("a", content, source))
        {
            var completion = handle.CompleteAsync(CancellationToken.None).AsTask();
            await HandleReads.UntilAsync(() => test.Cache.Resources.Metrics.Unstored >= 8, "it is given up");
            stuck.Set();
            Assert.Equal(new CacheRead(content.Length, 0), await completion.WaitAsync(TestCache.Patience));
        }

        Assert.Equal(content.Length, source.Bytes);
        others.ForEach(other => other.Dispose());
    }

    [Fact]
    public async Task A_sync_that_hangs_does_not_keep_the_cache_from_closing()
    {
        var (syncing, disk) = (new Obstruction(), new FaultyDisk());
        disk.OnSync = syncing.Meet;
        await CloseWhileItHangsAsync(disk, syncing, _ => { });
    }

    [Fact]
    public async Task A_write_that_hangs_does_not_keep_the_cache_from_closing_and_keeps_its_directory_and_its_memory()
    {
        var (writing, disk) = (new Obstruction(), new FaultyDisk());
        disk.OnWrite = writing.Meet;
        var closed = await CloseWhileItHangsAsync(disk, writing, cache => Assert.NotEqual(0, cache.Resources.Buffers.InUse));
        Assert.Equal(0, closed.Resources.Buffers.InUse);
    }

    /// <summary>Closes a cache while its disk hangs. What hangs may yet write: until it has ended, nobody else gets the directory, and then it writes no more.</summary>
    private static async Task<BlockCache> CloseWhileItHangsAsync(FaultyDisk disk, Obstruction obstruction, Action<BlockCache> check)
    {
        await using var test = new TestCache { OpenFile = disk.Open };
        await test.ReopenAsync();
        using var release = obstruction;
        byte[] content = TestContent.Make("a", 10 * Block);
        using (var handle = test.Open("a", content, new TestSource(content)))
        {
            await handle.ExpectAsync(content, 3 * Block, Block);
            await HandleReads.UntilAsync(() => obstruction.IsMet, "the disk hangs");
        }

        var closed = test.Cache;
        await test.CloseAsync();
        check(closed);
        await Assert.ThrowsAsync<CacheInUseException>(test.ReopenAsync);
        obstruction.Dispose();
        await closed.GivenBack.WaitAsync(TestCache.Patience);
        await test.ReopenAsync();
        return closed;
    }

    [DllImport("libc")]
    private static extern int mkfifo(string path, uint mode);

    /// <summary>Something at which a disk hangs, until it is disposed of.</summary>
    private sealed class Obstruction : IDisposable
    {
        private readonly TaskCompletionSource end = new();
        private volatile bool isMet;

        public bool IsMet => isMet;

        public void Meet()
        {
            isMet = true;
            end.Task.Wait();
        }

        public void Dispose() => end.TrySetResult();
    }
}
