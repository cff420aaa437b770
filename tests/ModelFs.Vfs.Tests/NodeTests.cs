using ModelFs.Fuse;
using ModelFs.Testing.Kernel;
using ModelFs.Vfs.Tests.Support;

namespace ModelFs.Vfs.Tests;

public sealed class NodeTests
{
    private static readonly string[] Paths =
        ["MLFLOW", "MLFLOW/iris", "MLFLOW/iris/champion", "MLFLOW/iris/latest", "MLFLOW/iris/1", "MLFLOW/iris/1/MLmodel", "MLFLOW/iris/1/data", "MLFLOW/iris/1/data/x"];

    [Fact]
    public async Task Node_ids_are_the_same_after_a_restart_whatever_was_looked_up_first()
    {
        await using var tree = await StartAsync();
        var before = new List<ScriptedEntry>();
        foreach (var path in Paths)
            before.Add(await tree.WalkAsync(path));
        Assert.Equal(Paths.Length, before.DistinctBy(entry => entry.Node).Count());
        Assert.Equal(Paths.Length, before.DistinctBy(entry => entry.Attributes.Inode).Count());

        await tree.RestartAsync();
        for (var i = Paths.Length - 1; i >= 0; i--)
        {
            var after = await tree.WalkAsync(Paths[i]);
            Assert.Equal((before[i].Node, before[i].Attributes), (after.Node, after.Attributes));
        }
    }

    [Fact]
    public async Task A_restarted_daemon_understands_ids_that_it_never_gave()
    {
        await using var tree = await StartAsync();
        var nodes = new Dictionary<string, ScriptedEntry>();
        foreach (var path in Paths)
            nodes[path] = await tree.WalkAsync(path);
        var version = await tree.ListAsync(nodes["MLFLOW/iris/1"].Node);

        async Task AskAsync(string path, Func<ulong, Task> ask)
        {
            // Each one is the first question of a daemon that knows nothing in memory; the registry is down.
            tree.Registry.Fault = _ => MemoryRegistry.Down;
            await tree.RestartAsync();
            await ask(nodes[path].Node);
            tree.Registry.Fault = null;
        }

        foreach (var path in Paths)
            await AskAsync(path, async node => Assert.Equal(nodes[path].Attributes, (await tree.Kernel.GetAttrAsync(node)).Attributes));
        await AskAsync("MLFLOW/iris/champion", async node => Assert.Equal("1", (await tree.Kernel.ReadLinkAsync(node)).Text));
        await AskAsync("MLFLOW/iris/1", async node => Assert.Equal(version.Select(entry => entry.Name), (await tree.ListAsync(node)).Select(entry => entry.Name)));
        await AskAsync("MLFLOW/iris/1/data", async node => Assert.Equal(nodes["MLFLOW/iris/1/data/x"].Node, (await tree.LookupAsync(node, "x")).Node));
        await AskAsync("MLFLOW/iris/1/MLmodel", async node => Assert.Equal("lazy"u8.ToArray(), (await tree.Kernel.GetXAttrAsync(node, "user.modelfs.mode")).Payload));
        tree.Registry.Fault = null;
        await tree.RestartAsync();
        Assert.Equal("one"u8.ToArray(), (await tree.Kernel.ReadAsync(nodes["MLFLOW/iris/1/MLmodel"].Node, 0, 0, 4096)).Payload);
    }

    [Fact]
    public async Task An_id_that_means_nothing_is_ESTALE()
    {
        await using var tree = await StartAsync();
        var file = await tree.NodeAsync("MLFLOW/iris/1/MLmodel");
        foreach (var node in new[] { 0xDEAD_BEEFul << 32, 1ul << 4, (file & ~0xFFFF_FFFFul) | (1000ul << 4) })
        {
            Assert.Equal(Errno.ESTALE, (Errno)(await tree.Kernel.GetAttrAsync(node)).Error);
            Assert.Equal(Errno.ESTALE, (Errno)(await tree.Kernel.LookupAsync(node, "x")).Error);
            Assert.Equal(Errno.ESTALE, (Errno)(await tree.Kernel.OpenAsync(node)).Error);
            Assert.Equal(Errno.ESTALE, (Errno)(await tree.Kernel.ReadAsync(node, 0, 0, 10)).Error);
            Assert.Equal(Errno.ESTALE, (Errno)(await tree.Kernel.ReadDirAsync(node, 0, 0, 4096)).Error);
        }
    }

    [Fact]
    public async Task An_id_never_names_another_file_though_the_manifest_was_lost_and_the_registry_gives_another()
    {
        await using var tree = await StartAsync();
        var file = await tree.NodeAsync("MLFLOW/iris/1/MLmodel");
        // Under another description the kept manifest is not found, as when it is damaged.
        tree.Registry.Description = "memory: elsewhere";
        tree.Registry.Models["iris"].Versions["1"].Files["A-new-first-file"] = new TestFile("wrong"u8.ToArray());
        await tree.RestartAsync();
        Assert.Equal(Errno.ESTALE, (Errno)(await tree.Kernel.ReadAsync(file, 0, 0, 10)).Error);
        Assert.Equal("one"u8.ToArray(), await tree.ReadAsync(await tree.NodeAsync("MLFLOW/iris/1/MLmodel")));
    }

    [Fact]
    public async Task An_operation_on_the_wrong_kind_of_node_is_its_errno()
    {
        await using var tree = await StartAsync();
        var (file, link, directory) = (await tree.NodeAsync("MLFLOW/iris/1/MLmodel"), await tree.NodeAsync("MLFLOW/iris/champion"), await tree.NodeAsync("MLFLOW/iris/1/data"));
        Assert.Equal(Errno.ENOTDIR, (Errno)(await tree.Kernel.LookupAsync(file, "x")).Error);
        Assert.Equal(Errno.ENOTDIR, (Errno)(await tree.Kernel.ReadDirAsync(file, 0, 0, 4096)).Error);
        Assert.Equal(Errno.ENOTDIR, (Errno)(await tree.Kernel.LookupAsync(link, "x")).Error);
        Assert.Equal(Errno.ENOTDIR, (Errno)(await tree.Kernel.ReadDirAsync(link, 0, 0, 4096)).Error);
        Assert.Equal(Errno.EISDIR, (Errno)(await tree.Kernel.OpenAsync(directory)).Error);
        Assert.Equal(Errno.EISDIR, (Errno)(await tree.Kernel.ReadAsync(directory, 0, 0, 10)).Error);
        Assert.Equal(Errno.EINVAL, (Errno)(await tree.Kernel.ReadLinkAsync(file)).Error);
    }

    [Fact]
    public async Task A_directory_names_itself_and_its_parent()
    {
        await using var tree = await StartAsync();
        var parents = new Dictionary<string, string?>
        {
            ["MLFLOW"] = null, ["MLFLOW/iris"] = "MLFLOW", ["MLFLOW/iris/1"] = "MLFLOW/iris", ["MLFLOW/iris/1/data"] = "MLFLOW/iris/1",
        };
        foreach (var (path, parent) in parents)
        {
            var dots = (await tree.ListAsync(await tree.NodeAsync(path))).Take(2).Select(entry => entry.Inode);
            Assert.Equal([await InodeAsync(tree, path), parent is null ? 1 : await InodeAsync(tree, parent)], dots);
        }
    }

    private static async Task<ulong> InodeAsync(TreeUnderTest tree, string path) => (await tree.WalkAsync(path)).Attributes.Inode;

    private static Task<TreeUnderTest> StartAsync() =>
        TreeUnderTest.StartAsync(registry => registry.Add("iris").With(1, ("MLmodel", "one"), ("data/x", "deep"), ("data/y/z", "")).Alias("champion", "1"));
}
