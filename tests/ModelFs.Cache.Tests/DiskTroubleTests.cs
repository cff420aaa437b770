using System.Diagnostics;
using ModelFs.Cache.Crash;
using ModelFs.Cache.Objects;
using ModelFs.Cache.Space;

namespace ModelFs.Cache.Tests;

/// <summary>Disk trouble is not reader trouble.</summary>
public sealed class DiskTroubleTests
{
    private const int Block = CacheOptions.BlockSize;

    [Fact]
    public async Task A_full_disk_costs_storing_and_not_reading_and_is_used_again_when_it_has_room()
    {
        using var disk = new Tmpfs("24m");
        byte[] content = TestContent.Make("large", 160 * Block);
        var test = new TestCache(disk.Path);
        await test.ReopenAsync();
        var source = new TestSource(content);
        string ballast = System.IO.Path.Combine(disk.Path, "ballast");
        File.WriteAllBytes(ballast, new byte[12 << 20]);
        using (var handle = test.Open("large", content, source))
        {
            await handle.ExpectAllAsync(content);
            // Readers have their bytes from memory, and may be done before the disk has been asked.
            await HandleReads.UntilAsync(() => test.Cache.Status.Fault is not null, "the disk has refused");
            Assert.InRange(handle.State.CachedBytes, Block, 12 << 20);
            Assert.InRange(source.Bytes, content.Length, content.Length * 2L);
            Assert.NotEqual(0, (await handle.CompleteAsync(CancellationToken.None)).Errno);
        }

        Assert.Single(test.Lines, line => line.Contains("StoringStopped"));
        File.Delete(ballast);
        await Task.Delay(2100);
        byte[] small = TestContent.Make("small", 4 * Block);
        await test.FillAsync("small", small);
        Assert.Null(test.Cache.Status.Fault);
        await test.CloseAsync();

        await test.ReopenAsync();
        var unused = new TestSource(small);
        using (var handle = test.Open("small", small, unused))
            await handle.ExpectAllAsync(small);
        Assert.Empty(unused.Requests);
        await test.CloseAsync();
    }

    [Fact]
    public async Task A_disk_full_from_the_start_still_serves()
    {
        using var disk = new Tmpfs("4m");
        byte[] content = TestContent.Make("large", 60 * Block);
        var test = new TestCache(disk.Path);
        await test.ReopenAsync();
        byte[] filler = new byte[64 * 1024];
        using (var ballast = File.OpenHandle(System.IO.Path.Combine(disk.Path, "ballast"), FileMode.Create, FileAccess.Write))
            Assert.Throws<IOException>(() => Enumerable.Range(0, 100).ToList().ForEach(i => RandomAccess.Write(ballast, filler, i * 65536L)));
        using (var handle = test.Open("large", content, new TestSource(content)))
            await handle.ExpectAllAsync(content);
        using (var handle = test.Open("stream", content, new TestSource(content) { HasRanges = false }))
            await handle.ExpectAllAsync(content);
        await test.Cache.Metadata.PutAsync("models", "a", new byte[100_000], CancellationToken.None);
        uint ordinal = test.Cache.Ordinals.GetOrAdd("a name"u8);
        Assert.Equal("a name"u8.ToArray(), test.Cache.Ordinals.Find(ordinal));
        await test.CloseAsync();
    }

    [Fact]
    public async Task A_disk_that_fails_each_write_still_serves()
    {
        var disk = new FaultyDisk { OnWrite = () => throw new IOException("Input/output error") };
        await using var test = new TestCache { OpenFile = disk.Open };
        await test.ReopenAsync();
        byte[] content = TestContent.Make("a", 50 * Block);
        var source = new TestSource(content);
        using var handle = test.Open("a", content, source);
        await handle.ExpectAllAsync(content);
        Assert.Equal("Input/output error", test.Cache.Status.Fault);
        Assert.Equal(0, handle.State.CachedBytes);
        Assert.InRange(source.Bytes, content.Length, content.Length * 2L);
    }

    [Fact]
    public async Task What_was_read_unstored_and_is_still_in_memory_is_stored_from_there_when_the_disk_takes_it_again()
    {
        var disk = new FaultyDisk { OnWrite = () => throw new IOException("No space left on device") };
        await using var test = new TestCache { OpenFile = disk.Open };
        await test.ReopenAsync();
        byte[] content = TestContent.Make("a", 8 * Block), other = TestContent.Make("b", 8 * Block);
        var (source, otherSource) = (new TestSource(content), new TestSource(other));
        using var handle = test.Open("a", content, source);
        using var otherHandle = test.Open("b", other, otherSource);
        await handle.ExpectAllAsync(content);
        await otherHandle.ExpectAllAsync(other);
        await HandleReads.UntilAsync(() => test.Cache.Resources.Metrics.Unstored == 16, "all of it was refused");
        var refused = await handle.CompleteAsync(CancellationToken.None).AsTask().WaitAsync(TestCache.Patience);
        Assert.Equal((28, "No space left on device"), (refused.Errno, handle.StoringFault));
        disk.OnWrite = null;
        await HandleReads.UntilAsync(test.Cache.Resources.Health.MayTry, "the disk may be tried again");
        // The first is tried though the fault is not known to be over, the second when it is.
        foreach (var each in new[] { handle, otherHandle })
        {
            Assert.Equal(new CacheRead(8 * Block, 0), await each.CompleteAsync(CancellationToken.None).AsTask().WaitAsync(TestCache.Patience));
            Assert.True(each.IsSealed);
            Assert.Null(each.StoringFault);
        }

        Assert.Equal((content.Length, other.Length), (source.Bytes, otherSource.Bytes));
    }

    [Fact]
    public async Task What_the_disk_has_not_confirmed_is_compared_with_its_checksum_at_each_read()
    {
        // No flush succeeds, so nothing is ever confirmed.
        var disk = new FaultyDisk { SyncErrno = 5 };
        await using var test = new TestCache { OpenFile = disk.Open };
        await test.ReopenAsync();
        byte[] content = TestContent.Make("a", 10 * Block);
        using var handle = test.Open("a", content, new TestSource(content));
        await handle.ExpectAsync(content, 3 * Block, Block);
        await HandleReads.UntilAsync(() => handle.State.CachedBytes == Block || test.Cache.Status.Fault is not null, "it is written");
        using (var file = File.OpenHandle(test.ObjectPath("a"), FileMode.Open, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete))
            RandomAccess.Write(file, new byte[Block], 3 * Block);
        await handle.ExpectAsync(content, 3 * Block, Block);
    }

    [Fact]
    public async Task A_disk_that_fails_reads_costs_fetches()
    {
        var disk = new FaultyDisk();
        await using var test = new TestCache { OpenFile = disk.Open };
        await test.ReopenAsync();
        byte[] content = TestContent.Make("a", 10 * Block);
        await test.FillAsync("a", content);
        int reads = 0;
        disk.OnRead = () =>
        {
            if (Interlocked.Increment(ref reads) % 3 == 0)
                throw new IOException("Input/output error");
        };
        var source = new TestSource(content);
        using var handle = test.Open("a", content, source);
        await handle.ExpectAllAsync(content);
        Assert.NotEqual(0, source.Bytes);
    }

    [Fact]
    public async Task Blocks_that_cannot_be_synced_are_not_in_the_index()
    {
        var disk = new FaultyDisk { SyncErrno = 5 };
        await using var test = new TestCache { OpenFile = disk.Open };
        await test.ReopenAsync();
        byte[] content = TestContent.Make("a", 30 * Block);
        using (var handle = test.Open("a", content, new TestSource(content)))
            await handle.ExpectAsync(content, 0, Block);
        await test.CloseAsync();
        disk.SyncErrno = 0;
        await test.ReopenAsync();
        Assert.Equal(default, await test.Cache.GetStateAsync(TestContent.KeyOf("a")));
    }

    [Fact]
    public async Task A_block_that_is_written_anew_while_the_disk_syncs_is_confirmed_by_the_next_sync_only()
    {
        using ManualResetEventSlim syncing = new(), first = new(), second = new();
        int syncs = 0;
        var disk = new FaultyDisk
        {
            OnSync = () =>
            {
                bool isFirst = Interlocked.Increment(ref syncs) == 1;
                syncing.Set();
                (isFirst ? first : second).Wait();
            },
        };
        await using var test = new TestCache { OpenFile = disk.Open };
        await test.ReopenAsync();
        byte[] content = TestContent.Make("a", 10 * Block);
        using var handle = test.Open("a", content, new TestSource(content));
        using var release = new Release(first, second);
        await handle.ExpectAsync(content, 3 * Block, Block);
        await HandleReads.UntilAsync(() => syncing.IsSet, "a sync begins");
        var loaded = test.Cache.TryHold(TestContent.KeyOf("a"))!;
        loaded.Disk.Drop(3);
        await handle.ExpectAsync(content, 3 * Block, Block);
        await HandleReads.UntilAsync(() => loaded.Snapshot().Present[3], "it is written again");
        first.Set();
        await HandleReads.UntilAsync(() => Volatile.Read(ref syncs) == 2, "there is something left to sync");

        // What is not confirmed is compared at each read.
        using (var file = File.OpenHandle(test.ObjectPath("a"), FileMode.Open, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete))
            RandomAccess.Write(file, new byte[Block], 3 * Block);
        await handle.ExpectAsync(content, 3 * Block, Block);
        second.Set();
        test.Cache.Close(loaded);
    }

    [Fact]
    public async Task A_file_is_not_sealed_while_one_of_its_blocks_waits_for_the_disk()
    {
        using ManualResetEventSlim syncing = new(), first = new(), second = new();
        int syncs = 0;
        var disk = new FaultyDisk();
        await using var test = new TestCache { OpenFile = disk.Open };
        await test.ReopenAsync();
        byte[] content = TestContent.Make("a", 4 * Block);
        disk.OnSync = () =>
        {
            bool isFirst = Interlocked.Increment(ref syncs) == 1;
            syncing.Set();
            (isFirst ? first : second).Wait();
        };
        using var handle = test.Open("a", content, new TestSource(content), withDigest: false);
        using var release = new Release(first, second);
        var complete = handle.CompleteAsync(CancellationToken.None).AsTask();
        await HandleReads.UntilAsync(() => syncing.IsSet && handle.State.CachedBytes == content.Length, "all is written");
        var loaded = test.Cache.TryHold(TestContent.KeyOf("a"))!;
        loaded.Disk.Drop(2);
        await handle.ExpectAsync(content, 2 * Block, Block);
        await HandleReads.UntilAsync(() => handle.State.CachedBytes == content.Length, "it is written again");
        first.Set();
        await HandleReads.UntilAsync(() => Volatile.Read(ref syncs) == 2, "there is something left to sync");
        Assert.False(File.Exists(test.ObjectPath("a") + ".seal"));
        Assert.False(handle.State.Sealed);
        second.Set();
        Assert.True((await complete.WaitAsync(TestCache.Patience)).IsOk);
        Assert.True(File.Exists(test.ObjectPath("a") + ".seal"));
        test.Cache.Close(loaded);
    }

    [Fact]
    public async Task A_block_that_is_written_while_a_sync_fails_is_not_taken_for_stored()
    {
        using ManualResetEventSlim syncing = new(), end = new();
        var disk = new FaultyDisk
        {
            OnSync = () =>
            {
                syncing.Set();
                end.Wait();
            },
        };
        await using var test = new TestCache { OpenFile = disk.Open };
        await test.ReopenAsync();
        byte[] content = TestContent.Make("a", 10 * Block);
        using var handle = test.Open("a", content, new TestSource(content));
        using var release = new Release(end);
        await handle.ExpectAsync(content, 3 * Block, Block);
        await HandleReads.UntilAsync(() => syncing.IsSet, "a sync begins");
        await handle.ExpectAsync(content, 5 * Block, Block);
        var loaded = test.Cache.TryHold(TestContent.KeyOf("a"))!;
        await HandleReads.UntilAsync(() => loaded.Snapshot().Present[5], "another block is written");
        disk.SyncErrno = 5;
        end.Set();
        await HandleReads.UntilAsync(() => test.Cache.Status.Fault is not null, "the sync fails");
        await HandleReads.UntilAsync(() => handle.State.CachedBytes == 0, "all are dropped");
        await handle.ExpectAsync(content, 3 * Block, 3 * Block);
        test.Cache.Close(loaded);
    }

    [Fact]
    public async Task A_file_that_cannot_be_given_its_number_gets_no_blocks_until_it_can()
    {
        var disk = new FaultyDisk { OnSetGeneration = () => throw new IOException("No space left on device") };
        await using var test = new TestCache { OpenFile = disk.Open };
        await test.ReopenAsync();
        byte[] content = TestContent.Make("a", 10 * Block);
        using (var handle = test.Open("a", content, new TestSource(content)))
        {
            await handle.ExpectAllAsync(content);
            await HandleReads.UntilAsync(() => test.Cache.Status.Fault is not null, "the disk has refused");
            Assert.Equal(0, handle.State.CachedBytes);
            Assert.Equal(0, new FileInfo(test.ObjectPath("a")).Length);
        }

        // The number is what tells the new file from one that the index may remember.
        await test.CloseAsync();
        disk.OnSetGeneration = null;
        await test.ReopenAsync();
        Assert.False(File.Exists(test.ObjectPath("a")));
        await test.FillAsync("a", content);
        Assert.NotNull(Generation.Read(test.ObjectPath("a")));
    }

    [Fact]
    public async Task What_was_admitted_and_not_written_is_free_again()
    {
        await using var test = await TestCache.OpenAsync();
        byte[] content = TestContent.Make("a", Block);
        using var handle = test.Open("a", content, new TestSource(content));
        var loaded = test.Cache.TryHold(TestContent.KeyOf("a"))!;
        var (common, catalog) = (test.Cache.Resources, new Catalog());
        // Nobody asks the filesystem anew meanwhile.
        var space = new DiskSpace(test.Options, catalog, common.Accounts, common.Pins, common.Paths, common.Metrics, test.Time, test);
        long free = space.FreeBytes;
        Assert.True(space.TryAdmit(Block, loaded.Account));
        space.Settle(loaded, Block, isWritten: false);
        Assert.Equal((free, 0), (space.FreeBytes, catalog.Bytes));
        Assert.True(space.TryAdmit(Block, loaded.Account));
        space.Settle(loaded, Block, isWritten: true);
        Assert.Equal((free - Block, Block), (space.FreeBytes, catalog.Bytes));
        test.Cache.Close(loaded);
    }

    /// <summary>Lets go, however the test ends, what would keep the cache from closing.</summary>
    private sealed record Release(params ManualResetEventSlim[] Events) : IDisposable
    {
        public void Dispose() => Array.ForEach(Events, e => e.Set());
    }

    /// <summary>A small filesystem of our own. Mounting needs root, and without it the test fails.</summary>
    private sealed class Tmpfs : IDisposable
    {
        public Tmpfs(string size)
        {
            Path = Directory.CreateTempSubdirectory("modelfs-tmpfs-").FullName;
            Run("mount", "-t", "tmpfs", "-o", $"size={size}", "modelfs-test", Path);
        }

        public string Path { get; }

        public void Dispose()
        {
            Run("umount", "--lazy", Path);
            Directory.Delete(Path);
        }

        private static void Run(string program, params string[] arguments)
        {
            using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true })!;
            string error = process.StandardError.ReadToEnd();
            process.WaitForExit();
            Assert.True(process.ExitCode == 0, $"{program}: {error} (this test needs root)");
        }
    }
}
