using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging.Abstractions;

namespace ModelFs.Cache.Tests;

public sealed class MetadataTests
{
    [Fact]
    public async Task A_value_outlives_the_process_and_the_last_one_counts()
    {
        await using var test = await TestCache.OpenAsync();
        byte[] value = new byte[100_000];
        Random.Shared.NextBytes(value);
        await test.Cache.Metadata.PutAsync("manifests", "key/with ünïcode", new byte[] { 1 }, CancellationToken.None);
        await test.Cache.Metadata.PutAsync("manifests", "key/with ünïcode", value, CancellationToken.None);
        await test.Cache.Metadata.PutAsync("manifests", "empty", default, CancellationToken.None);
        await test.ReopenAsync();
        Assert.Equal(value, (await test.Cache.Metadata.GetAsync("manifests", "key/with ünïcode", CancellationToken.None))!.Value.ToArray());
        Assert.Equal(0, (await test.Cache.Metadata.GetAsync("manifests", "empty", CancellationToken.None))!.Value.Length);
        Assert.Null(await test.Cache.Metadata.GetAsync("manifests", "other", CancellationToken.None));
        Assert.Null(await test.Cache.Metadata.GetAsync("models", "empty", CancellationToken.None));
        Assert.InRange(test.Cache.Status.UsedBytes, 100_000, 200_000);
    }

    [Fact]
    public async Task A_damaged_value_reads_as_absent()
    {
        await using var test = await TestCache.OpenAsync();
        byte[] value = new byte[300];
        Random.Shared.NextBytes(value);
        await test.Cache.Metadata.PutAsync("models", "a", value, CancellationToken.None);
        string path = Directory.EnumerateFiles(Path.Combine(test.IndexDirectory, "meta"), "*", SearchOption.AllDirectories).Single();
        byte[] good = File.ReadAllBytes(path);
        for (int at = 0; at < good.Length; at++)
        {
            byte[] bad = [.. good];
            bad[at] ^= 1;
            File.WriteAllBytes(path, bad);
            Assert.Null(await test.Cache.Metadata.GetAsync("models", "a", CancellationToken.None));
        }

        File.WriteAllBytes(path, good[..^1]);
        Assert.Null(await test.Cache.Metadata.GetAsync("models", "a", CancellationToken.None));
        await test.Cache.Metadata.PutAsync("models", "a", value, CancellationToken.None);
        Assert.Equal(value, (await test.Cache.Metadata.GetAsync("models", "a", CancellationToken.None))!.Value.ToArray());
    }

    [Fact]
    public async Task Values_that_hang_on_their_way_to_the_disk_hold_up_no_other_and_take_bounded_memory()
    {
        string root = Directory.CreateTempSubdirectory("modelfs-metadata-").FullName;
        var store = new MetadataStore(root, _ => { }, NullLogger.Instance);
        await store.PutAsync("models", "known", new byte[] { 1 }, CancellationToken.None);
        // The place where the next value is written first: whoever opens it waits for a reader.
        Assert.Equal(0, mkfifo(Directory.EnumerateFiles(root, "*", SearchOption.AllDirectories).Single() + ".2.tmp", 0x180));
        await store.PutAsync("models", "known", new byte[] { 2 }, CancellationToken.None);
        await HandleReads.UntilAsync(() => store.IsStalled, "the disk is known to hang");
        Assert.Equal([1], (await store.GetAsync("models", "known", CancellationToken.None))!.Value.ToArray());
        byte[] large = new byte[1 << 20];
        for (int i = 0; i < 100; i++)
            await store.PutAsync("models", $"{i}", large, CancellationToken.None);
        // The disk is back.
        using (File.OpenHandle(Directory.EnumerateFiles(root, "*.tmp", SearchOption.AllDirectories).Single()))
            store.Dispose();
        int stored = Directory.EnumerateFiles(root, "*", SearchOption.AllDirectories).Count();
        Assert.InRange(stored, 10, 17);
        Directory.Delete(root, recursive: true);

        [DllImport("libc")]
        static extern int mkfifo(string path, uint mode);
    }

    [Fact]
    public async Task A_kind_that_would_leave_its_folder_is_refused()
    {
        await using var test = await TestCache.OpenAsync();
        await Assert.ThrowsAsync<ArgumentException>(() => test.Cache.Metadata.GetAsync("../x", "a", CancellationToken.None).AsTask());
    }
}
