using System.Collections.Concurrent;
using ModelFs.Cache.Crash;
using ModelFs.Cache.Disk;

namespace ModelFs.Cache.Tests;

/// <summary>Where blocks find their place on the disk, and whose that is.</summary>
public sealed class PreallocationTests
{
    private const int Block = CacheOptions.BlockSize;
    private const int Piece = 64 * Block;

    /// <summary>What a filesystem may take for the map of one file, beyond its blocks.</summary>
    private const long Map = 64 << 10;

    private readonly ConcurrentQueue<(long Offset, long Count)> places = new();

    [Fact]
    public async Task A_file_that_is_read_through_lies_in_few_pieces()
    {
        await using var test = await OpenAsync();
        byte[] content = TestContent.Make("read through", 6 * Piece + 5 * Block + 777);
        using var handle = test.Open("read through", content, new TestSource(content));
        await handle.ExpectAllAsync(content, 1 << 20);
        await HandleReads.UntilAsync(() => handle.State.Sealed, "it is complete");

        // After 16 MiB in a row pieces are whole; each write for itself would be 50 of them at the least.
        Assert.InRange(places.Where(place => place.Count >= Piece).Sum(place => place.Count), 3 * Piece, long.MaxValue);
        Assert.InRange(places.Count, 1, 40);
        await ExpectAccountsAsync(test, "read through", content.Length);
    }

    [Fact]
    public async Task A_file_that_is_prefetched_lies_in_few_pieces()
    {
        await using var test = await OpenAsync();
        byte[] content = TestContent.Make("prefetched", 4 * Piece + 777);
        await test.FillAsync("prefetched", content);
        Assert.InRange(places.Count, 1, 5);
        Assert.All(places, place => Assert.InRange(place.Offset + place.Count, 1, content.Length));
        await ExpectAccountsAsync(test, "prefetched", content.Length);
    }

    [Fact]
    public async Task Random_reads_take_no_place_beyond_their_blocks()
    {
        await using var test = await OpenAsync();
        byte[] content = TestContent.Make("random", 4 * Piece);
        using var handle = test.Open("random", content, new TestSource(content));
        foreach (int block in new[] { 200, 3, 90, 98, 140, 17 })
            await handle.ExpectAsync(content, block * (long)Block, Block);
        await HandleReads.UntilAsync(() => handle.State.CachedBytes == 6 * Block, "they are stored");
        Assert.Equal(6 * Block, places.Sum(place => place.Count));
        await ExpectAccountsAsync(test, "random", 6 * Block);
    }

    [Fact]
    public async Task Space_set_aside_counts_as_taken_and_what_a_read_that_stopped_leaves_of_it_is_given_back()
    {
        await using var test = await OpenAsync();
        byte[] content = TestContent.Make("stopped", 2 * Piece);
        var broken = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var source = new TestSource(content) { OnRead = position => position < 20 * Block ? Task.CompletedTask : broken.Task };
        using var handle = test.Open("stopped", content, source);
        var completing = handle.CompleteAsync(CancellationToken.None).AsTask();
        await HandleReads.UntilAsync(() => handle.State.CachedBytes == 20 * Block, "what came is stored");
        await ExpectAccountsAsync(test, "stopped", Piece);

        broken.SetException(new IOException("gone"));
        Assert.NotEqual(0, (await completing.WaitAsync(TestCache.Patience)).Errno);
        await HandleReads.UntilAsync(() => Linux.AllocatedBytes(test.ObjectPath("stopped")) < 20 * Block + Map, "the rest is given back");
        for (int i = 0; i < 100 && (await test.Cache.Inventory.SumUpAsync(CancellationToken.None)).ObjectBytes >= Piece; i++)
            await Task.Delay(50);
        await ExpectAccountsAsync(test, "stopped", 20 * Block);
        source.OnRead = null;
        // What failed a moment ago is refused for another.
        for (int i = 0; i < 100 && (await handle.ReadAsync(20 * Block, 1)).Errno != 0; i++)
            await Task.Delay(50);
        await handle.ExpectAllAsync(content, 1 << 20);
    }

    [Fact]
    public async Task What_was_set_aside_before_a_kill_counts_and_is_given_back_when_its_file_is_opened()
    {
        await using var test = await OpenAsync();
        byte[] content = TestContent.Make("killed", 4 * Piece + 777);
        using (var handle = test.Open("killed", content, new TestSource(content)))
        {
            await handle.ExpectAsync(content, 70 * Block, Block);
            await handle.ExpectAsync(content, content.Length - 500, 500);
            await HandleReads.UntilAsync(() => handle.State.CachedBytes == Block + 777, "they are stored");
        }

        await test.CrashAsync(() =>
        {
            using var file = File.OpenHandle(test.ObjectPath("killed"), FileMode.Open, FileAccess.ReadWrite);
            Assert.True(Linux.TryAllocate((int)file.DangerousGetHandle(), Piece, content.Length - Piece));
        });
        await ExpectAccountsAsync(test, "killed", 3 * Piece);

        var source = new TestSource(content);
        using var again = test.Open("killed", content, source);
        await again.ExpectAsync(content, 70 * Block, Block);
        await again.ExpectAsync(content, content.Length - 500, 500);
        Assert.Empty(source.Requests);
        await ExpectAccountsAsync(test, "killed", Block + 4096);
        await again.ExpectAllAsync(content, 1 << 20);
    }

    [Fact]
    public async Task What_is_set_aside_and_written_just_now_is_not_taken_for_what_a_kill_left()
    {
        using var isWriting = new ManualResetEventSlim();
        using var mayWrite = new ManualResetEventSlim();
        var given = new ConcurrentQueue<(long Offset, long Count)>();
        var disk = new FaultyDisk
        {
            OnWrite = () =>
            {
                isWriting.Set();
                mayWrite.Wait(TestCache.Patience);
            },
            OnGiveBack = (offset, count) => given.Enqueue((offset, count)),
        };
        await using var test = new TestCache { OpenFile = disk.Open };
        await test.ReopenAsync();
        byte[] content = TestContent.Make("just now", Piece);
        using var handle = test.Open("just now", content, new TestSource(content));
        var completing = handle.CompleteAsync(CancellationToken.None).AsTask();
        await HandleReads.UntilAsync(() => isWriting.IsSet, "it is being written");
        var loaded = test.Cache.TryHold(TestContent.KeyOf("just now"))!;
        await Task.Run(loaded.Disk.GiveBackMissing).WaitAsync(TestCache.Patience);
        test.Cache.Close(loaded);
        Assert.Empty(given);
        mayWrite.Set();
        await completing.WaitAsync(TestCache.Patience);
        await handle.ExpectAllAsync(content, 1 << 20);
    }

    [Theory]
    [InlineData(0L)]
    [InlineData(8L * Block)]
    public async Task Where_no_piece_is_to_be_had_a_file_is_stored_all_the_same(long most)
    {
        var disk = new FaultyDisk { OnAllocate = (_, count) => count <= most };
        await using var test = new TestCache { OpenFile = disk.Open };
        await test.ReopenAsync();
        byte[] content = TestContent.Make("no piece", Piece + 777);
        await test.FillAsync("no piece", content);
        await ExpectAccountsAsync(test, "no piece", content.Length);
        using var handle = test.Open("no piece", content, new TestSource([]));
        await handle.ExpectAllAsync(content, 1 << 20);
    }

    private async Task<TestCache> OpenAsync()
    {
        var disk = new FaultyDisk
        {
            OnAllocate = (offset, count) =>
            {
                places.Enqueue((offset, count));
                return true;
            },
        };
        var test = new TestCache { OpenFile = disk.Open };
        await test.ReopenAsync();
        return test;
    }

    /// <summary>The file takes so much, and so it is counted.</summary>
    private static async Task ExpectAccountsAsync(TestCache test, string name, long bytes)
    {
        Assert.InRange(Linux.AllocatedBytes(test.ObjectPath(name)), bytes, bytes + Map);
        Assert.InRange((await test.Cache.Inventory.SumUpAsync(CancellationToken.None)).ObjectBytes, bytes, bytes + Map);
    }
}
