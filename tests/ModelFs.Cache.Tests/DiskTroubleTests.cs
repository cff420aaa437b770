using System.Diagnostics;
using ModelFs.Cache.Crash;

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
            Assert.InRange(test.Cache.Resources.Buffers.InUse, 1, 256);
        }

        stuck.Set();
        await Task.Delay(2100);
        await test.FillAsync("b", content[..Block]);
        Assert.Null(test.Cache.Status.Fault);
    }

    [Fact]
    public async Task Reads_that_hang_on_the_disk_hold_up_no_fetch()
    {
        using var stuck = new ManualResetEventSlim();
        var disk = new FaultyDisk();
        await using var test = new TestCache { OpenFile = disk.Open };
        await test.ReopenAsync();
        byte[] cached = TestContent.Make("cached", 8 * Block), fresh = TestContent.Make("fresh", 8 * Block);
        await test.FillAsync("cached", cached);
        using var arrived = test.Open("fresh", fresh, new TestSource(fresh));
        await arrived.ExpectAsync(fresh, 0, 10); // Its loading needs the disk; from here on it does not.
        using var hung = test.Open("cached", cached, new TestSource(cached));
        disk.OnRead = stuck.Wait;
        var waiting = Enumerable.Range(0, 3).Select(i => hung.ReadAsync(i * Block, 10)).ToList();
        await arrived.ExpectAsync(fresh, 3 * Block, Block);
        Assert.All(waiting, w => Assert.False(w.IsCompleted));
        stuck.Set();
        await Task.WhenAll(waiting);
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
