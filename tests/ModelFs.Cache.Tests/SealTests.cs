using ModelFs.Cache.Crash;

namespace ModelFs.Cache.Tests;

public sealed class SealTests
{
    private const int Block = CacheOptions.BlockSize;

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task After_a_restart_a_sealed_object_costs_no_byte(bool deleteIndex)
    {
        byte[] content = TestContent.Make("sealed", 9 * Block + 9);
        await using var test = await TestCache.OpenAsync();
        await test.FillAsync("sealed", content);
        await test.CloseAsync();
        if (deleteIndex)
            Directory.Delete(test.IndexDirectory, recursive: true);

        for (int start = 0; start < 3; start++)
        {
            await test.ReopenAsync();
            Assert.Equal(new ObjectState(content.Length, content.Length, true, true, false), await test.Cache.GetStateAsync(TestContent.KeyOf("sealed")));
            var source = new TestSource(content);
            using var handle = test.Open("sealed", content, source);
            await handle.ExpectAllAsync(content);
            Assert.Empty(source.Requests);
            Assert.Equal(1, test.Cache.Status.SealedObjects);
            Assert.InRange(test.Cache.Status.UsedBytes, content.Length, content.Length + (2 << 20));
        }
    }

    [Fact]
    public async Task After_a_restart_a_partial_object_lacks_only_what_it_lacked()
    {
        byte[] content = TestContent.Make("partial", 100 * Block);
        await using var test = await TestCache.OpenAsync();
        using (var handle = test.Open("partial", content, new TestSource(content)))
        {
            await handle.ExpectAsync(content, 0, 3 * Block);
            await handle.ExpectAsync(content, 50 * Block, Block);
        }

        await test.ReopenAsync();
        Assert.Equal(4 * Block, (await test.Cache.GetStateAsync(TestContent.KeyOf("partial"))).CachedBytes);
        var source = new TestSource(content);
        using var again = test.Open("partial", content, source);
        await again.ExpectAsync(content, 0, 3 * Block);
        await again.ExpectAsync(content, 50 * Block, Block);
        Assert.Empty(source.Requests);
        await again.CompleteAsync(CancellationToken.None);
        Assert.Equal(96L * Block, source.Bytes);
        Assert.True(again.State.DigestMatched);
    }

    [Fact]
    public async Task Without_an_index_what_was_not_sealed_is_removed()
    {
        byte[] content = TestContent.Make("partial", 100 * Block);
        await using var test = await TestCache.OpenAsync();
        using (var handle = test.Open("partial", content, new TestSource(content)))
            await handle.ExpectAsync(content, 0, Block);
        await test.FillAsync("sealed", content);
        await test.CloseAsync();
        Directory.Delete(test.IndexDirectory, recursive: true);
        await test.ReopenAsync();
        Assert.False(File.Exists(test.ObjectPath("partial")));
        Assert.True(File.Exists(test.ObjectPath("sealed")));
        Assert.Equal(1, test.Cache.Status.Objects);
    }

    [Fact]
    public async Task Content_that_is_not_what_the_registry_said_is_quarantined_until_a_restart()
    {
        byte[] promised = TestContent.Make("promised", 4 * Block), delivered = TestContent.Make("delivered", 4 * Block);
        await using var test = await TestCache.OpenAsync();
        var source = new TestSource(delivered);
        using (var handle = test.Open("promised", promised, source))
        {
            Assert.Equal(new CacheRead(0, 5), await handle.CompleteAsync(CancellationToken.None));
            Assert.Equal(new ObjectState(promised.Length, handle.State.CachedBytes, false, false, true), handle.State);
            Assert.Equal(5, (await handle.ReadAsync(0, 10)).Errno);
        }

        Assert.Contains(test.Lines, line => line.StartsWith("Error Quarantined", StringComparison.Ordinal));
        Assert.False(File.Exists(test.ObjectPath("promised")));
        using (var handle = test.Open("promised", promised, source))
            Assert.Equal(5, (await handle.ReadAsync(0, 10)).Errno);

        await test.ReopenAsync();
        using (var handle = test.Open("promised", promised, new TestSource(promised)))
            await handle.ExpectAllAsync(promised);
    }

    [Fact]
    public async Task Without_a_digest_an_object_is_sealed_by_its_checksums()
    {
        byte[] content = TestContent.Make("plain", 3 * Block);
        await using var test = await TestCache.OpenAsync();
        using var handle = test.Open("plain", content, new TestSource(content), withDigest: false);
        Assert.True((await handle.CompleteAsync(CancellationToken.None)).IsOk);
        Assert.Equal(new ObjectState(content.Length, content.Length, true, null, false), handle.State);
    }

    [Fact]
    public async Task A_digest_that_is_learned_later_is_checked_before_the_object_counts_as_sealed()
    {
        byte[] content = TestContent.Make("plain", 3 * Block), wrong = TestContent.Make("wrong", 3 * Block);
        await using var test = await TestCache.OpenAsync();
        using (var handle = test.Open("plain", content, new TestSource(content), withDigest: false))
            await handle.CompleteAsync(CancellationToken.None);
        await test.ReopenAsync();
        using (var handle = test.Open("plain", content, new TestSource(wrong)))
        {
            Assert.True((await handle.CompleteAsync(CancellationToken.None)).IsOk);
            Assert.True(handle.State.DigestMatched);
        }
    }

    [Fact]
    public async Task Blocks_that_arrive_out_of_order_are_hashed_all_the_same()
    {
        byte[] content = TestContent.Make("backwards", 12 * Block + 5);
        await using var test = await TestCache.OpenAsync();
        using var handle = test.Open("backwards", content, new TestSource(content));
        for (int block = 12; block >= 0; block--)
            await handle.ExpectAsync(content, block * (long)Block, 10);
        await HandleReads.UntilAsync(() => handle.State is { Sealed: true, DigestMatched: true }, "it seals without being asked");
    }
}
