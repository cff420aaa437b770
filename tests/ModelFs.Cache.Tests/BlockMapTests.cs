using ModelFs.Cache.Objects;

namespace ModelFs.Cache.Tests;

public sealed class BlockMapTests
{
    [Fact]
    public void Memory_follows_what_is_there_and_not_the_size_that_is_claimed()
    {
        var map = new BlockMap();
        map.SetSize(CachedObject.MaxSize);
        long before = GC.GetAllocatedBytesForCurrentThread();
        map.Set(map.Count - 1, BlockState.Present, 7);
        map.Set(0, BlockState.Verified, 8);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 128 << 10);
        Assert.Equal((BlockState.Present, 7ul), (map[map.Count - 1], map.ChecksumOf(map.Count - 1)));
        Assert.Equal((BlockState.Verified, 8ul), (map[0], map.ChecksumOf(0)));
        Assert.Equal((BlockState.Missing, 2), (map[map.Count / 2], map.PresentCount));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4096)]
    [InlineData(10_000)]
    [InlineData(-1)]
    public void It_holds_what_was_set_whatever_the_order(int count)
    {
        var map = new BlockMap();
        if (count > 0)
            map.SetSize((long)count * CacheOptions.BlockSize);
        var expected = new Dictionary<int, (BlockState State, ulong Checksum)>();
        var random = new Random(20_261_121);
        for (int i = 0; i < 20_000; i++)
        {
            int block = random.Next(count > 0 ? count : 12_000);
            var state = (BlockState)random.Next(4);
            map.Set(block, state, (ulong)i);
            expected[block] = (state, (ulong)i);
        }

        Assert.Equal(expected.Count(e => e.Value.State != BlockState.Missing), map.PresentCount);
        Assert.All(expected, e => Assert.Equal(e.Value.State, map[e.Key]));
        Assert.All(expected.Where(e => e.Value.State != BlockState.Missing), e => Assert.Equal(e.Value.Checksum, map.ChecksumOf(e.Key)));
        map.Distrust();
        Assert.All(expected, e => Assert.Equal(e.Value.State == BlockState.Missing ? BlockState.Missing : BlockState.Present, map[e.Key]));
    }

    [Fact]
    public void A_complete_one_gives_all_checksums_in_their_order()
    {
        var map = new BlockMap();
        map.SetSize((5000L * CacheOptions.BlockSize) - 1);
        for (int block = 4999; block >= 0; block--)
            map.Set(block, BlockState.Verified, (ulong)block);
        Assert.True(map.IsComplete);
        Assert.True(map.IsVerified(0, 4999));
        Assert.Equal(Enumerable.Range(0, 5000).Select(block => (ulong)block), map.Checksums());
    }
}
