using ModelFs.Fuse;
using ModelFs.Testing.Kernel;
using ModelFs.Vfs.Files;
using ModelFs.Vfs.Tests.Support;

namespace ModelFs.Vfs.Tests;

/// <summary>Which way a file is opened, as a scripted kernel sees it.</summary>
public sealed class OpenModeTests
{
    private const uint PassThrough = 1 << 7;
    private const uint KeepCache = 1 << 1;
    private const string Weights = "MLFLOW/bert/1/weights";
    private const string InTree = "WWW/dir/weights";

    [Fact]
    public async Task Opens_of_a_sealed_file_share_one_backing_id_that_is_given_back()
    {
        await using var tree = await StartAsync();
        await SealAsync(tree);
        var file = await tree.WalkAsync(Weights);
        var opens = await Task.WhenAll(Enumerable.Range(0, 32).Select(_ => tree.Kernel.OpenAsync(file.Node)));
        Assert.All(opens, open => Assert.Equal((0, PassThrough), (open.Error, open.Open.Flags)));
        var (id, path) = Assert.Single(tree.Kernel.Backings);
        Assert.All(opens, open => Assert.Equal(id, open.BackingId));
        Assert.StartsWith(tree.Cache.Status.Directory, path, StringComparison.Ordinal);

        for (var i = 0; i < 31; i++)
            await tree.Kernel.ReleaseAsync(file.Node, 0);
        tree.Time.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal(id, (await tree.Kernel.OpenAsync(file.Node)).BackingId);
        await tree.Kernel.ReleaseAsync(file.Node, 0);
        await tree.Kernel.ReleaseAsync(file.Node, 0);
        Assert.Equal(1, tree.Cache.Status.OpenObjects);
        tree.Time.Advance(TimeSpan.FromSeconds(6));
        await TreeUnderTest.EventuallyAsync(() => tree.Kernel.Backings.IsEmpty && tree.Cache.Status.OpenObjects == 0);
    }

    [Fact]
    public async Task A_file_that_stays_for_a_next_open_gives_way_when_the_cache_needs_room()
    {
        const int Size = 40 << 20;
        await using var tree = await TreeUnderTest.StartAsync(registry =>
        {
            var files = registry.Add("bert").With(1, ("MLmodel", "one")).Versions["1"].Files;
            files["weights"] = new TestFile(new byte[Size]);
            files["more"] = new TestFile(new byte[Size - 1]);
        }, cacheBytes: 64 << 20);
        await SealAsync(tree);
        var file = await tree.WalkAsync(Weights);
        Assert.Equal(PassThrough, (await tree.Kernel.OpenAsync(file.Node)).Open.Flags);
        await tree.Kernel.ReleaseAsync(file.Node, 0);

        // Time stands still, so it would stay for ever.
        var more = await tree.Tree.ResolveAsync("MLFLOW/bert/1/more", followLast: true, CancellationToken.None);
        using var handle = tree.Tree.Open(Assert.IsType<FileNode>(more.Value));
        Assert.True((await handle.CompleteAsync(CancellationToken.None)).IsOk);
        Assert.Equal(1, tree.Cache.Status.OpenObjects);
    }

    [Fact]
    public async Task Files_that_are_closed_together_because_room_is_needed_keep_the_order_of_their_last_uses()
    {
        string[] names = ["a", "b", "c", "d"];
        string[] used = ["c", "a", "d", "b"];
        await using var tree = await TreeUnderTest.StartAsync(registry => registry.Add("bert").With(1, [.. names.Select(name => (name, name))]));
        var nodes = new Dictionary<string, ulong>();
        foreach (var name in names)
        {
            nodes[name] = await tree.NodeAsync($"MLFLOW/bert/1/{name}");
            await tree.Kernel.OpenAsync(nodes[name]);
            await tree.Kernel.ReadAsync(nodes[name], 0, 0, 16);
        }

        foreach (var name in used)
        {
            tree.Time.Advance(TimeSpan.FromSeconds(1));
            await tree.Kernel.ReleaseAsync(nodes[name], 0);
        }

        tree.FileSystem.CloseLingering();
        await TreeUnderTest.EventuallyAsync(() => tree.Cache.Status.OpenObjects == 0);
        var stored = await tree.Cache.Inventory.ListAsync(null, CancellationToken.None).ToListAsync();
        Assert.Equal(used, stored.OrderBy(file => file.LastUse).Select(file => file.Path.Split('/')[^1]));
        Assert.Equal(names.Length, stored.DistinctBy(file => file.LastUse).Count());
    }

    [Theory]
    [InlineData(Weights)]
    [InlineData(InTree)]
    public async Task Who_opens_the_node_of_a_file_that_was_sealed_meanwhile_is_sent_to_another_once(string path)
    {
        await using var tree = await StartAsync();
        var lazy = await tree.WalkAsync(path);
        Assert.Equal(KeepCache, (await tree.Kernel.OpenAsync(lazy.Node)).Open.Flags);
        await SealAsync(tree, path);
        Assert.Equal(Errno.ESTALE, (Errno)(await tree.Kernel.OpenAsync(lazy.Node)).Error);
        Assert.Equal(KeepCache, (await tree.Kernel.OpenAsync(lazy.Node)).Open.Flags);

        var found = await tree.WalkAsync(path);
        Assert.NotEqual(lazy.Node, found.Node);
        Assert.Equal(lazy.Attributes, found.Attributes);
        Assert.Equal(found.Attributes, (await tree.Kernel.GetAttrAsync(found.Node)).Attributes);
        Assert.Equal(PassThrough, (await tree.Kernel.OpenAsync(found.Node)).Open.Flags);
        Assert.Equal(found.Node, (await tree.ListAsync(await tree.NodeAsync(path[..path.LastIndexOf('/')]), plus: true)).Last().Entry!.Node);
    }

    [Fact]
    public async Task A_file_of_a_tree_that_changes_is_a_new_node_also_after_it_passed_through()
    {
        await using var tree = await StartAsync();
        await SealAsync(tree, InTree);
        var old = await tree.WalkAsync(InTree);
        var open = await tree.Kernel.OpenAsync(old.Node);
        Assert.Equal(PassThrough, open.Open.Flags);

        tree.Files!.Put("dir/weights", "other", "\"2\"");
        tree.Time.Advance(tree.Files.FoundTtl);
        var changed = await tree.WalkAsync(InTree);
        Assert.NotEqual(old.Attributes.Inode, changed.Attributes.Inode);
        Assert.Equal(KeepCache, (await tree.Kernel.OpenAsync(changed.Node)).Open.Flags);
        Assert.Equal("other", (await tree.Kernel.ReadAsync(changed.Node, 0, 0, 4096)).Text);
        Assert.Equal(Errno.ESTALE, (Errno)(await tree.Kernel.OpenAsync(old.Node)).Error);
        Assert.Contains(open.BackingId, tree.Kernel.Backings.Keys);
    }

    [Fact]
    public async Task A_file_that_nobody_reads_through_us_passes_through_under_its_first_node_too_and_its_pages_are_dropped()
    {
        await using var tree = await StartAsync();
        var lazy = await tree.NodeAsync(Weights);
        await tree.ReadAsync(lazy);
        await SealAsync(tree);
        tree.Time.Advance(TimeSpan.FromSeconds(6));
        var dropped = tree.Kernel.NextNotification();
        Assert.Equal((2, lazy), (dropped.Error, dropped.U64(0)));
        Assert.Equal(PassThrough, (await tree.Kernel.OpenAsync(lazy)).Open.Flags);
    }

    [Fact]
    public async Task A_kernel_that_refuses_a_backing_file_gets_everything_served_and_the_reason_is_told()
    {
        await using var tree = await StartAsync();
        tree.Kernel.RefuseBacking = Errno.EPERM;
        await SealAsync(tree);
        var node = await tree.NodeAsync(Weights);
        Assert.Equal(KeepCache, (await tree.Kernel.OpenAsync(node)).Open.Flags);
        Assert.Equal("the daemon lacks CAP_SYS_ADMIN", tree.FileSystem.PassthroughObstacle);
        tree.Kernel.RefuseBacking = Errno.None;
        await tree.Kernel.ReleaseAsync(node, 0);
        Assert.Equal(tree.Registry.Models["bert"].Versions["1"].Files["weights"].Bytes, await tree.ReadAsync(node));
        Assert.Empty(tree.Kernel.Backings);
    }

    [Fact]
    public async Task Opens_are_counted_by_the_way_they_go_and_by_the_first_reason()
    {
        await using var tree = await StartAsync();
        Assert.Equal([], Counts());
        var lazy = await tree.NodeAsync(Weights);
        await tree.Kernel.OpenAsync(lazy);
        Assert.Equal([(OpenWay.Incomplete, 1)], Counts());
        await SealAsync(tree);

        // Who is sent back has opened nothing.
        await tree.Kernel.OpenAsync(lazy);
        await tree.Kernel.OpenAsync(lazy);
        var node = await tree.NodeAsync(Weights);
        await tree.Kernel.OpenAsync(node);
        await tree.Kernel.OpenAsync(node);
        Assert.Equal([(OpenWay.PassedThrough, 2), (OpenWay.Incomplete, 1), (OpenWay.Held, 1)], Counts());

        tree.Kernel.RefuseBacking = Errno.EPERM;
        await SealAsync(tree, InTree);
        await tree.Kernel.OpenAsync(await tree.NodeAsync(InTree));
        Assert.Equal([(OpenWay.PassedThrough, 2), (OpenWay.Obstructed, 1), (OpenWay.Incomplete, 1), (OpenWay.Held, 1)], Counts());

        (OpenWay, long)[] Counts() => [.. Enum.GetValues<OpenWay>().Select(way => (way, tree.Tree.Opens[way])).Where(count => count.Item2 > 0)];
    }

    [Fact]
    public async Task After_a_clean_restart_a_sealed_file_passes_through_at_its_first_open()
    {
        await using var tree = await StartAsync();
        await SealAsync(tree);
        var node = await tree.NodeAsync(Weights);
        await tree.RestartAsync();
        Assert.Equal(PassThrough, (await tree.Kernel.OpenAsync(node)).Open.Flags);
    }

    [Fact]
    public async Task An_open_file_whose_object_loses_a_block_goes_on_and_later_ones_are_served()
    {
        await using var tree = await StartAsync();
        await SealAsync(tree);
        var node = await tree.NodeAsync(Weights);
        var first = await tree.Kernel.OpenAsync(node);
        var path = Assert.Single(tree.Kernel.Backings).Value;
        await File.AppendAllTextAsync(path, "touched");
        Assert.Equal(first.BackingId, (await tree.Kernel.OpenAsync(node)).BackingId);
        await tree.Kernel.ReleaseAsync(node, 0);
        await tree.Kernel.ReleaseAsync(node, 0);
        tree.Time.Advance(TimeSpan.FromSeconds(6));
        await TreeUnderTest.EventuallyAsync(() => tree.Kernel.Backings.IsEmpty);
        Assert.Equal(KeepCache, (await tree.Kernel.OpenAsync(node)).Open.Flags);
        Assert.Equal(1, tree.Tree.Opens[OpenWay.Unverified]);
        Assert.Equal(tree.Registry.Models["bert"].Versions["1"].Files["weights"].Bytes, await tree.ReadAsync(node));
    }

    private static async Task SealAsync(TreeUnderTest tree, string path = Weights)
    {
        var found = await tree.Tree.ResolveAsync(path, followLast: true, CancellationToken.None);
        using var handle = tree.Tree.Open(Assert.IsAssignableFrom<ContentNode>(found.Value));
        Assert.True((await handle.CompleteAsync(CancellationToken.None)).IsOk);
        Assert.True(handle.CanPassThrough);
    }

    private static Task<TreeUnderTest> StartAsync()
    {
        var bytes = new byte[700_001];
        new Random(7).NextBytes(bytes);
        var files = new MemoryFiles();
        files.Put("dir/weights", bytes, "\"1\"");
        return TreeUnderTest.StartAsync(
            registry => registry.Add("bert").With(1, ("MLmodel", "one")).Versions["1"].Files["weights"] = new TestFile(bytes), files: files);
    }
}
