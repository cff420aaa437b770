using ModelFs.Cache.Crash;
using ModelFs.Cache.Objects;

namespace ModelFs.Cache.Tests;

/// <summary>Bits that flip on the disk: whatever the cost, the bytes are right.</summary>
public sealed class DamageTests
{
    private const int Block = CacheOptions.BlockSize;

    private static readonly string[] Names = ["first", "second"];

    [Theory]
    [InlineData("log.0")]
    [InlineData("info.dat.0")]
    [InlineData("manifest")]
    public async Task A_bit_flipped_in_any_file_of_the_index_costs_fetches_and_no_wrong_byte(string file)
    {
        await FlipAsync(root => Directory.EnumerateFiles(Path.Combine(root, "index", "blocks"), file, SearchOption.AllDirectories).Single(), sealedCostNothing: true);
    }

    [Fact]
    public async Task A_bit_flipped_in_a_sidecar_costs_fetches_and_no_wrong_byte() =>
        await FlipAsync(root => Sidecar.PathOf(PathOf(root, Names[0])), sealedCostNothing: false, deleteIndex: true);

    [Fact]
    public async Task A_bit_flipped_in_a_block_costs_fetches_and_no_wrong_byte() =>
        await FlipAsync(root => PathOf(root, Names[0]), sealedCostNothing: false);

    [Fact]
    public async Task A_damaged_block_is_fetched_again_and_nothing_else()
    {
        byte[] content = TestContent.Make("a", 10 * Block);
        await using var test = await TestCache.OpenAsync();
        await test.FillAsync("a", content);
        await test.CloseAsync();
        Damage.Flip(test.ObjectPath("a"), 3 * Block + 100, 5);
        await test.ReopenAsync();
        var source = new TestSource(content);
        using var handle = test.Open("a", content, source);
        await handle.ExpectAllAsync(content);
        Assert.Equal([(3L * Block, (long)Block)], source.Requests);
        await HandleReads.UntilAsync(() => handle.State.Sealed, "it is sealed anew");
        Assert.True(handle.State.DigestMatched);
        Assert.Contains(test.Lines, line => line.Contains("Block 3 of a"));
    }

    [Fact]
    public async Task A_file_that_is_cut_or_gone_is_fetched_again()
    {
        byte[] content = TestContent.Make("a", 10 * Block);
        await using var test = await TestCache.OpenAsync();
        await test.FillAsync("a", content);
        await test.FillAsync("b", content);
        await test.CloseAsync();
        using (var file = File.OpenWrite(test.ObjectPath("a")))
            file.SetLength(5 * Block + 1);
        File.Delete(test.ObjectPath("b"));
        await test.ReopenAsync();
        foreach (string name in new[] { "a", "b" })
        {
            using var handle = test.Open(name, content, new TestSource(content));
            await handle.ExpectAllAsync(content);
        }
    }

    [Fact]
    public async Task A_file_that_somebody_writes_to_while_it_is_closed_is_verified_again()
    {
        byte[] content = TestContent.Make("a", 4 * Block);
        await using var test = await TestCache.OpenAsync();
        await test.FillAsync("a", content);
        using (var handle = test.Open("a", content, new TestSource(content)))
            await handle.ExpectAllAsync(content);
        await Task.Delay(20); // A clock tick of the filesystem: until then it cannot tell.
        Damage.Flip(test.ObjectPath("a"), 2 * Block, 0);
        var source = new TestSource(content);
        using var again = test.Open("a", content, source);
        await again.ExpectAllAsync(content);
        Assert.Equal(Block, source.Bytes);
    }

    [Fact]
    public async Task Files_of_the_index_that_are_damaged_cut_or_gone_cost_no_byte_of_what_was_complete()
    {
        byte[] content = TestContent.Make("a", 40 * Block + 10);
        await using var test = await TestCache.OpenAsync();
        await test.FillAsync("a", content);
        await test.CloseAsync();
        int seed = Random.Shared.Next();
        var random = new Random(seed);
        for (int round = 0; round < 12; round++)
        {
            await using var damaged = new TestCache(Damage.CopyOf(test.Root));
            var files = Directory.EnumerateFiles(Path.Combine(damaged.IndexDirectory, "blocks"), "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal).ToList();
            string where = $"seed {seed}, round {round}: " + Damage.AtRandom(files[random.Next(files.Count)], random);
            await damaged.ReopenAsync();
            var source = new TestSource(content);
            using var handle = damaged.Open("a", content, source);
            await handle.ExpectAllAsync(content);
            Assert.True(source.Requests.IsEmpty, where);
        }
    }

    [Fact]
    public async Task Two_starts_that_failed_put_the_index_aside()
    {
        byte[] content = TestContent.Make("a", 4 * Block);
        await using var test = await TestCache.OpenAsync();
        await test.FillAsync("a", content);
        await test.CloseAsync();
        File.WriteAllText(Path.Combine(test.IndexDirectory, "starts"), "2");
        await test.ReopenAsync();
        Assert.True(Directory.Exists(Path.Combine(test.IndexDirectory, "blocks.aside")));
        var source = new TestSource(content);
        using var handle = test.Open("a", content, source);
        await handle.ExpectAllAsync(content);
        Assert.Empty(source.Requests);
        Assert.False(File.Exists(Path.Combine(test.IndexDirectory, "starts")));
    }

    [Fact]
    public async Task An_index_of_another_version_is_put_aside()
    {
        byte[] content = TestContent.Make("a", Block);
        await using var test = await TestCache.OpenAsync();
        await test.FillAsync("a", content);
        await test.CloseAsync();
        string manifest = Path.Combine(test.IndexDirectory, "blocks", "manifest");
        byte[] bytes = File.ReadAllBytes(manifest);
        bytes[6]++;
        File.WriteAllBytes(manifest, bytes);
        await test.ReopenAsync();
        Assert.Contains(test.Lines, line => line.Contains("unknown version"));
        Assert.True(File.Exists(Path.Combine(test.IndexDirectory, "blocks.aside", "manifest")));
    }

    /// <summary>Fills a cache once, then flips one bit after another in one of its files and reads everything each time.</summary>
    private static async Task FlipAsync(Func<string, string> victim, bool sealedCostNothing, bool deleteIndex = false)
    {
        byte[][] contents = [TestContent.Make(Names[0], 4 * Block + 10), TestContent.Make(Names[1], 60 * Block)];
        await using var test = await TestCache.OpenAsync();
        await test.FillAsync(Names[0], contents[0]);
        using (var partial = test.Open(Names[1], contents[1], new TestSource(contents[1])))
            await partial.ExpectAsync(contents[1], 10 * Block, 5 * Block);
        await test.CloseAsync();
        if (deleteIndex)
            Directory.Delete(test.IndexDirectory, recursive: true);

        int seed = Random.Shared.Next();
        var random = new Random(seed);
        for (int round = 0; round < 12; round++)
        {
            string copy = Damage.CopyOf(test.Root);
            await using var damaged = new TestCache(copy);
            string path = victim(copy);
            int offset = random.Next((int)new FileInfo(path).Length), bit = random.Next(8);
            Damage.Flip(path, offset, bit);
            string where = $"seed {seed}, round {round}: bit {bit} of byte {offset}";
            await damaged.ReopenAsync();
            for (int i = 0; i < Names.Length; i++)
            {
                var source = new TestSource(contents[i]);
                using var handle = damaged.Open(Names[i], contents[i], source);
                await handle.ExpectAsync(contents[i], i * 10 * Block, 5 * Block);
                Assert.True(i == 1 || !sealedCostNothing || source.Bytes == 0, where);
                Assert.True(source.Bytes <= contents[i].Length, where);
            }
        }
    }

    private static string PathOf(string root, string name)
    {
        string key = TestContent.KeyOf(name).ToString();
        return Path.Combine(root, "objects", key[..2], key);
    }
}
