using System.Text;
using ModelFs.Testing.Kernel;
using ModelFs.Vfs.Tests.Support;

namespace ModelFs.Vfs.Tests;

public sealed class TreeShapeTests
{
    private const uint Directory = 0x4000;
    private const uint Link = 0xA000;
    private const uint Regular = 0x8000;

    [Fact]
    public async Task The_root_holds_the_registries_and_nothing_else()
    {
        await using var tree = await TreeUnderTest.StartAsync();
        Assert.Equal(["MLFLOW"], await tree.NamesAsync(1));
        Assert.Equal(0ul, (await tree.LookupAsync(1, "HF")).Node);
    }

    [Fact]
    public async Task A_model_holds_its_versions_and_links_to_them()
    {
        await using var tree = await TreeUnderTest.StartAsync(registry => registry.Add("iris").With(1, ("a", "1")).With(2, ("a", "2")).Alias("champion", "1").Alias("2", "1"));
        Assert.Equal(["@2", "champion", "latest", "2", "1"], await tree.NamesAsync(await tree.NodeAsync("MLFLOW/iris")));
        Assert.Equal("1", await tree.LinkAsync("MLFLOW/iris/champion"));
        Assert.Equal("1", await tree.LinkAsync("MLFLOW/iris/@2"));
        Assert.Equal("2", await tree.LinkAsync("MLFLOW/iris/latest"));
        Assert.Equal("2"u8.ToArray(), await tree.ReadAsync(await tree.NodeAsync("MLFLOW/iris/2/a")));
    }

    [Fact]
    public async Task A_lookup_never_lists()
    {
        await using var tree = await TreeUnderTest.StartAsync(registry => registry.Add("iris").With(1, ("data/x", "1")).Alias("champion", "1"));
        await tree.NodeAsync("MLFLOW/iris/champion");
        await tree.NodeAsync("MLFLOW/iris/latest");
        await tree.NodeAsync("MLFLOW/iris/1/data/x");
        Assert.Equal(["alias iris/latest", "manifest iris/1", "model iris", "version iris/1"], tree.Registry.Calls.Order());
    }

    [Fact]
    public async Task Attributes_are_those_of_a_read_only_tree()
    {
        await using var tree = await TreeUnderTest.StartAsync(registry => registry.Add("iris").With(3, ("MLmodel", new string('x', 1000)), ("data/x", "")).Alias("champion", "3"));
        var root = (await tree.Kernel.GetAttrAsync(1)).Attributes;
        Assert.Equal((1ul, Directory | 0b101_101_101u, 2u, 0ul), (root.Inode, root.Mode, root.Links, root.Seconds));

        var version = await tree.WalkAsync("MLFLOW/iris/3");
        var created = (ulong)tree.Registry.Models["iris"].Versions["3"].Created.ToUnixTimeSeconds();
        Assert.Equal((Directory | 0b101_101_101u, 2u, created), (version.Attributes.Mode, version.Attributes.Links, version.Attributes.Seconds));

        var file = await tree.WalkAsync("MLFLOW/iris/3/MLmodel");
        Assert.Equal((Regular | 0b100_100_100u, 1u, created), (file.Attributes.Mode, file.Attributes.Links, file.Attributes.Seconds));
        Assert.Equal((1000ul, 2ul), (file.Attributes.Size, file.Attributes.Blocks));
        Assert.Equal(file.Attributes, (await tree.Kernel.GetAttrAsync(file.Node)).Attributes);
        Assert.Equal(0ul, (await tree.WalkAsync("MLFLOW/iris/3/data/x")).Attributes.Size);

        var link = await tree.WalkAsync("MLFLOW/iris/champion");
        Assert.Equal((Link | 0b111_111_111u, 1ul), (link.Attributes.Mode, link.Attributes.Size));
        Assert.Equal(link.Attributes, (await tree.Kernel.GetAttrAsync(link.Node)).Attributes);
        var model = await tree.WalkAsync("MLFLOW/iris");
        Assert.Equal(model.Attributes, (await tree.Kernel.GetAttrAsync(model.Node)).Attributes);
    }

    [Fact]
    public async Task What_never_changes_is_believed_for_long_and_what_can_move_is_not()
    {
        await using var tree = await TreeUnderTest.StartAsync(registry => registry.Add("iris").With(1, ("MLmodel", "x")).Alias("champion", "1"));
        var hour = TimeSpan.FromHours(1);
        foreach (var path in new[] { "MLFLOW/iris/1", "MLFLOW/iris/1/MLmodel" })
            Assert.Equal((hour, hour), ((await tree.WalkAsync(path)).EntryTtl, (await tree.WalkAsync(path)).AttributesTtl));
        foreach (var path in new[] { "MLFLOW/iris", "MLFLOW/iris/champion", "MLFLOW/iris/latest" })
            Assert.InRange((await tree.WalkAsync(path)).EntryTtl, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(10));
        Assert.Equal(hour, (await tree.LookupAsync(await tree.NodeAsync("MLFLOW/iris/1"), "absent")).EntryTtl);

        const uint keepCache = 2, cacheDirectory = 8;
        Assert.Equal(keepCache | cacheDirectory, (await tree.Kernel.OpenDirAsync(await tree.NodeAsync("MLFLOW/iris/1"))).Open.Flags);
        Assert.Equal(0u, (await tree.Kernel.OpenDirAsync(await tree.NodeAsync("MLFLOW/iris"))).Open.Flags);
        Assert.Equal(0u, (await tree.Kernel.OpenDirAsync(1)).Open.Flags);
        Assert.Equal(keepCache, (await tree.Kernel.OpenAsync(await tree.NodeAsync("MLFLOW/iris/1/MLmodel"))).Open.Flags);
    }

    [Theory]
    [InlineData("..", "%2E%2E")]
    [InlineData("team/model:v1", "team%2Fmodel:v1")]
    [InlineData("ünïcode-模型", "ünïcode-模型")]
    [InlineData("trailing ", "trailing ")]
    [InlineData("a%2Fb", "a%252Fb")]
    [InlineData("1", "1")]
    public async Task A_hostile_name_is_an_entry_like_any_other(string model, string entry)
    {
        await using var tree = await TreeUnderTest.StartAsync(registry => registry.Add(model).With(1, ("f", "content")));
        Assert.Equal([entry], await tree.NamesAsync(await tree.NodeAsync("MLFLOW")));
        Assert.Equal("content"u8.ToArray(), await tree.ReadAsync(await tree.NodeAsync($"MLFLOW/{entry}/1/f")));
    }

    [Fact]
    public async Task A_name_too_long_for_Linux_is_shortened_and_found_again_even_before_it_was_listed()
    {
        var model = string.Concat(Enumerable.Repeat("模型", 128));
        await using var tree = await TreeUnderTest.StartAsync(registry =>
        {
            registry.Add("other");
            registry.Add(model).With(1, ("f", "content")).Alias(new string('a', 300), "1");
        });
        var entry = Assert.Single(await tree.NamesAsync(await tree.NodeAsync("MLFLOW")), name => name != "other");
        Assert.True(Encoding.UTF8.GetByteCount(entry) <= 255);
        var alias = (await tree.NamesAsync(await tree.NodeAsync($"MLFLOW/{entry}")))[0];
        Assert.Equal("1", await tree.LinkAsync($"MLFLOW/{entry}/{alias}"));

        await using var fresh = await TreeUnderTest.StartAsync(registry => registry.Add(model).With(1, ("f", "content")).Alias(new string('a', 300), "1"));
        Assert.Equal("content"u8.ToArray(), await fresh.ReadAsync(await fresh.NodeAsync($"MLFLOW/{entry}/1/f")));
        Assert.Equal("1", await fresh.LinkAsync($"MLFLOW/{entry}/{alias}"));
        Assert.Equal(0ul, (await fresh.LookupAsync(await fresh.NodeAsync("MLFLOW"), entry[..^1] + (entry[^1] == '0' ? '1' : '0'))).Node);
    }

    [Fact]
    public async Task A_name_that_is_no_text_is_left_out_and_the_others_stay()
    {
        await using var tree = await TreeUnderTest.StartAsync(registry =>
        {
            registry.Add("half \ud83d of a pair");
            registry.Add("iris");
        });
        Assert.Equal(["iris"], await tree.NamesAsync(await tree.NodeAsync("MLFLOW")));
    }

    [Fact]
    public async Task A_model_without_versions_is_an_empty_directory()
    {
        await using var tree = await TreeUnderTest.StartAsync(registry => registry.Add("prompt"));
        var node = await tree.NodeAsync("MLFLOW/prompt");
        Assert.Empty(await tree.NamesAsync(node));
        Assert.Equal(0ul, (await tree.LookupAsync(node, "latest")).Node);
    }

    [Fact]
    public async Task An_alias_of_a_version_that_cannot_be_read_dangles()
    {
        await using var tree = await TreeUnderTest.StartAsync(registry => registry.Add("iris").With(1, ("a", "1")).Alias("pending", "2"));
        Assert.Equal("2", await tree.LinkAsync("MLFLOW/iris/pending"));
        Assert.Equal(0ul, (await tree.LookupAsync(await tree.NodeAsync("MLFLOW/iris"), "2")).Node);
    }

    [Fact]
    public async Task A_version_without_files_yet_shows_them_when_they_come()
    {
        await using var tree = await TreeUnderTest.StartAsync(registry => registry.Add("iris").With(1));
        var version = await tree.NodeAsync("MLFLOW/iris/1");
        Assert.Empty(await tree.NamesAsync(version));
        Assert.InRange((await tree.LookupAsync(version, "MLmodel")).EntryTtl, TimeSpan.Zero, TimeSpan.FromSeconds(10));
        Assert.Equal(0u, (await tree.Kernel.OpenDirAsync(version)).Open.Flags);

        tree.Registry.Models["iris"].Versions["1"].Files["MLmodel"] = new TestFile("late"u8.ToArray());
        tree.Time.Advance(TimeSpan.FromSeconds(11));
        Assert.Equal(["MLmodel"], await tree.NamesAsync(version));
        Assert.Equal("late"u8.ToArray(), await tree.ReadAsync((await tree.LookupAsync(version, "MLmodel")).Node));
    }

    [Fact]
    public async Task A_walk_of_random_registries_gives_what_they_hold()
    {
        var seed = Environment.TickCount;
        for (var round = 0; round < 10; round++)
        {
            // A tree for each walk: what was read once is sealed some time later, and a node that seals gets another id.
            var plus = round % 2 == 0;
            await using var tree = await TreeUnderTest.StartAsync(registry => Fill(registry, new Random(seed + round)));
            var expected = tree.Registry.Models.Values
                .SelectMany(model => model.Versions.Values.SelectMany(version => version.Files.Select(file => ($"{model.Name}/{version.Number}/{file.Key}", Convert.ToHexString(file.Value.Bytes)))))
                .Order();
            var walked = new List<(string, string)>();
            await WalkAsync(tree, await tree.NodeAsync("MLFLOW"), "", plus, walked);
            Assert.True(expected.SequenceEqual(walked.Order()), $"seed {seed}, round {round}, plus {plus}");
        }
    }

    private static void Fill(MemoryRegistry registry, Random random)
    {
        registry.PageSize = random.Next(1, 5);
        for (var m = random.Next(6); m > 0; m--)
        {
            var model = registry.Add($"model {m}");
            for (var v = random.Next(5); v > 0; v--)
            {
                var names = Enumerable.Range(0, random.Next(12)).Select(_ => $"{(char)('a' + random.Next(3))}/{random.Next(4)}/{(char)('x' + random.Next(3))}").Distinct();
                model.With(v, [.. names.Select(name => (name, $"{m} {v} {name}")), .. random.Next(2) == 0 ? [("MLmodel", "")] : Array.Empty<(string, string)>()]);
            }
        }
    }

    private static async Task WalkAsync(TreeUnderTest tree, ulong directory, string path, bool plus, List<(string Path, string Content)> found)
    {
        var entries = await tree.ListAsync(directory, plus, size: 600);
        Assert.Equal([".", ".."], entries.Take(2).Select(entry => entry.Name));
        Assert.Equal(entries.Count, entries.DistinctBy(entry => entry.Name).Count());
        foreach (var entry in entries.Skip(2))
        {
            var looked = await tree.LookupAsync(directory, entry.Name);
            Assert.Equal(looked.Attributes.Inode, entry.Inode);
            Assert.Equal(looked.Attributes.Mode >> 12, entry.Type);
            if (plus)
                Assert.Equal((looked.Node, looked.Attributes), (entry.Entry!.Node, entry.Entry.Attributes));
            if (entry.Type == 4)
                await WalkAsync(tree, looked.Node, $"{path}{entry.Name}/", plus, found);
            else if (entry.Type == 8)
                found.Add((path + entry.Name, Convert.ToHexString(await tree.ReadAsync(looked.Node))));
        }
    }
}
