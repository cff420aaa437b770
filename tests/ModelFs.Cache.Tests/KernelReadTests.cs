using ModelFs.Cache.Crash;
using ModelFs.Cache.Disk;
using ModelFs.Cache.Objects;

namespace ModelFs.Cache.Tests;

/// <summary>When the kernel may read an object's file in our place.</summary>
public sealed class KernelReadTests
{
    private const int Block = CacheOptions.BlockSize;
    private const int Size = 5 * Block + 17;

    [Fact]
    public async Task Only_what_is_sealed_is_for_the_kernel()
    {
        byte[] content = TestContent.Make("a", Size);
        await using var test = await TestCache.OpenAsync();
        Assert.Null(test.Cache.PassthroughObstacle);
        using var handle = test.Open("a", content, new TestSource(content));
        await handle.ExpectAsync(content, 0, 2 * Block);
        Assert.Null(await handle.OpenForKernelAsync());
        Assert.False(test.Cache.IsSealed(TestContent.KeyOf("a")));
        Assert.True((await handle.CompleteAsync(CancellationToken.None)).IsOk);
        Assert.True(test.Cache.IsSealed(TestContent.KeyOf("a")));
        await ExpectForKernelAsync(handle, content);
    }

    [Fact]
    public async Task After_a_clean_stop_the_kernel_gets_a_sealed_object_at_once_and_after_a_crash_once_it_is_verified()
    {
        byte[] content = TestContent.Make("a", Size);
        await using var test = await TestCache.OpenAsync();
        await test.FillAsync("a", content);
        await test.ReopenAsync();
        Assert.True(await test.Cache.CanPassThroughAsync(TestContent.KeyOf("a")));
        using (var handle = test.Open("a", content, new TestSource([])))
            await ExpectForKernelAsync(handle, content);

        await test.CrashAsync();
        Assert.False(await test.Cache.CanPassThroughAsync(TestContent.KeyOf("a")));
        using (var handle = test.Open("a", content, new TestSource([])))
        {
            await handle.Ready.WaitAsync(TestCache.Patience);
            Assert.False(handle.CanPassThrough);
            Assert.True(handle.IsSealed);
            Assert.Null(await handle.OpenForKernelAsync());
            await HandleReads.UntilAsync(() => handle.CanPassThrough, "it is verified in the background");
            await ExpectForKernelAsync(handle, content);
        }

        await test.ReopenAsync();
        Assert.True(await test.Cache.CanPassThroughAsync(TestContent.KeyOf("a")));
    }

    [Fact]
    public async Task An_object_that_was_damaged_in_a_crash_never_reaches_the_kernel()
    {
        byte[] content = TestContent.Make("a", Size);
        await using var test = await TestCache.OpenAsync();
        await test.FillAsync("a", content);
        await test.CrashAsync(() => FlipBit(test.ObjectPath("a"), 3 * Block));
        using var handle = test.Open("a", content, new TestSource(content));
        await handle.Ready.WaitAsync(TestCache.Patience);
        Assert.Null(await handle.OpenForKernelAsync());
        await HandleReads.UntilAsync(() => !handle.IsSealed, "the damage is found");
        Assert.Null(await handle.OpenForKernelAsync());
        Assert.True((await handle.CompleteAsync(CancellationToken.None)).IsOk);
        await ExpectForKernelAsync(handle, content);
    }

    [Fact]
    public async Task A_file_that_somebody_touched_is_verified_before_the_kernel_gets_it()
    {
        byte[] content = TestContent.Make("a", Size);
        await using var test = await TestCache.OpenAsync();
        await test.FillAsync("a", content);
        using (var handle = test.Open("a", content, new TestSource(content)))
        {
            await ExpectForKernelAsync(handle, content);
            FlipBit(test.ObjectPath("a"), 0);
            Assert.Null(await handle.OpenForKernelAsync());
            await HandleReads.UntilAsync(() => !handle.IsSealed, "the damage is found");
            Assert.True((await handle.CompleteAsync(CancellationToken.None)).IsOk);
            await ExpectForKernelAsync(handle, content);
        }

        await test.CloseAsync();
        File.SetLastWriteTimeUtc(test.ObjectPath("a"), DateTime.UnixEpoch);
        await test.ReopenAsync();
        using (var handle = test.Open("a", content, new TestSource([])))
        {
            Assert.Null(await handle.OpenForKernelAsync());
            await HandleReads.UntilAsync(() => handle.CanPassThrough, "it is verified in the background");
        }
    }

    [Fact]
    public async Task A_file_that_somebody_touches_while_it_is_sealed_is_not_vouched_for()
    {
        byte[] content = TestContent.Make("a", Size);
        var disk = new FaultyDisk();
        await using var test = new TestCache { OpenFile = disk.Open };
        await test.ReopenAsync();
        using (var handle = test.Open("a", content, new TestSource(content), withDigest: false))
            await handle.ExpectAsync(content, 0, 5 * Block);
        await test.ReopenAsync();
        int reads = 0;
        using (var handle = test.Open("a", content, new TestSource(content), withDigest: false))
        {
            disk.OnRead = () =>
            {
                // The sealer has verified the first block, and reads the last one that was here.
                if (Interlocked.Increment(ref reads) == 5)
                    Touch(test.ObjectPath("a"));
            };
            Assert.True((await handle.CompleteAsync(CancellationToken.None).AsTask().WaitAsync(TestCache.Patience)).IsOk);
            Assert.True(reads >= 5);
        }

        disk.OnRead = null;
        await test.ReopenAsync();
        Assert.False(await test.Cache.CanPassThroughAsync(TestContent.KeyOf("a")));
        using (var handle = test.Open("a", content, new TestSource(content), withDigest: false))
        {
            Assert.Null(await handle.OpenForKernelAsync());
            await HandleReads.UntilAsync(() => !handle.IsSealed, "the damage is found");
        }

        static void Touch(string path)
        {
            FlipBit(path, 0);
            File.SetLastWriteTimeUtc(path, DateTime.UnixEpoch);
        }
    }

    [Fact]
    public void A_sidecar_of_the_first_version_is_understood_and_vouches_for_no_file()
    {
        var directory = Directory.CreateTempSubdirectory("modelfs-sidecar-");
        try
        {
            string path = Path.Combine(directory.FullName, "object");
            var key = new ObjectKey(42);
            var file = new FileStamp(Size, 7, 8, 9, 4096);
            ulong[] checksums = [1, 2, 3, 4, 5, 6];
            new Sidecar(key, Size, new byte[32], checksums, file, 11).Write(path);
            var second = Sidecar.Read(path, key)!;
            Assert.Equal((Size, 32), (second.Size, second.Digest.Length));
            Assert.Equal(checksums, second.Checksums);
            Assert.True(second.Vouches(file with { Allocated = 1 }, 11));
            Assert.False(second.Vouches(file with { Changed = 10 }, 11));
            Assert.False(second.Vouches(file, 12));

            // The first version had no stamp and no epoch.
            byte[] bytes = File.ReadAllBytes(Sidecar.PathOf(path));
            byte[] first = [.. bytes[..65], .. bytes[97..]];
            first[7] = 1;
            BitConverter.TryWriteBytes(first.AsSpan(first.Length - 8), BlockChecksum.Compute(first.AsSpan(0, first.Length - 8)));
            File.WriteAllBytes(Sidecar.PathOf(path), first);
            var read = Sidecar.Read(path, key)!;
            Assert.Equal(checksums, read.Checksums);
            Assert.Equal(32, read.Digest.Length);
            Assert.False(read.Vouches(file, 11));
            for (int length = 0; length < first.Length; length++)
            {
                File.WriteAllBytes(Sidecar.PathOf(path), first[..length]);
                Assert.Null(Sidecar.Read(path, key));
            }
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }

    private static async Task ExpectForKernelAsync(ObjectHandle handle, byte[] content)
    {
        using var file = await handle.OpenForKernelAsync().WaitAsync(TestCache.Patience);
        Assert.NotNull(file);
        byte[] bytes = new byte[content.Length];
        Assert.Equal(bytes.Length, RandomAccess.Read(file, bytes, 0));
        Assert.True(bytes.AsSpan().SequenceEqual(content));
        Assert.Throws<UnauthorizedAccessException>(() => RandomAccess.Write(file, bytes, 0));
    }

    private static void FlipBit(string path, long offset)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        file.Position = offset;
        int value = file.ReadByte();
        file.Position = offset;
        file.WriteByte((byte)(value ^ 1));
    }
}
