using Microsoft.Extensions.Logging.Abstractions;
using ModelFs.Fuse;
using ModelFs.Registries;
using ModelFs.Vfs.Tests.Support;

namespace ModelFs.Vfs.Tests;

public sealed class ModelTreeTests
{
    [Theory]
    [InlineData("", typeof(RootNode), "")]
    [InlineData("/", typeof(RootNode), "")]
    [InlineData("MLFLOW", typeof(RegistryNode), "MLFLOW")]
    [InlineData("/MLFLOW/iris/", typeof(ModelNode), "MLFLOW/iris")]
    [InlineData("MLFLOW/iris/champion", typeof(DirectoryNode), "MLFLOW/iris/2")]
    [InlineData("MLFLOW/iris/champion/MLmodel", typeof(FileNode), "MLFLOW/iris/2/MLmodel")]
    [InlineData("MLFLOW/iris/latest/data", typeof(DirectoryNode), "MLFLOW/iris/3/data")]
    [InlineData("MLFLOW/iris/1/data/x", typeof(FileNode), "MLFLOW/iris/1/data/x")]
    [InlineData("MLFLOW/team%2Fmodel/1/a%25b", typeof(FileNode), "MLFLOW/team%2Fmodel/1/a%25b")]
    public async Task A_path_resolves_to_its_canonical_place(string path, Type type, string canonical)
    {
        await using var tree = await StartAsync();
        var result = await tree.Tree.ResolveAsync(path, followLast: true, default);
        Assert.True(result.IsOk, result.Message);
        Assert.IsType(type, result.Value);
        Assert.Equal(canonical, result.Value!.Path);
    }

    [Fact]
    public async Task A_link_at_the_end_is_followed_only_if_wanted()
    {
        await using var tree = await StartAsync();
        var link = Assert.IsType<AliasNode>((await tree.Tree.ResolveAsync("MLFLOW/iris/champion", followLast: false, default)).Value);
        Assert.Equal(("champion", "2", "2", "MLFLOW/iris/champion", "champion", "iris"), (link.Alias, link.Version, link.Target, link.Path, link.Name, link.Model));
    }

    [Theory]
    [InlineData("MLFOW/iris", Errno.ENOENT, "there is no registry 'MLFOW'; there is: MLFLOW")]
    [InlineData("MLFLOW/irs", Errno.ENOENT, "MLFLOW has no model 'irs'; it has: iris, team%2Fmodel")]
    [InlineData("MLFLOW/iris/chmpion", Errno.ENOENT, "MLFLOW/iris has no alias or version 'chmpion'; it has: challenger, champion, pending, latest, 3, 2, 1")]
    [InlineData("MLFLOW/iris/4", Errno.ENOENT, "MLFLOW/iris has no alias or version '4'; it has: challenger, champion, pending, latest, 3, 2, 1")]
    [InlineData("MLFLOW/iris/1/MLmodl", Errno.ENOENT, "MLFLOW/iris/1 has no 'MLmodl'; it has: MLmodel, data")]
    [InlineData("MLFLOW/iris/champion/data/y", Errno.ENOENT, "MLFLOW/iris/2/data has no 'y'; it has: x")]
    [InlineData("MLFLOW/iris/1/MLmodel/x", Errno.ENOTDIR, "MLFLOW/iris/1/MLmodel is a file")]
    [InlineData("MLFLOW/iris/pending", Errno.ENOENT, "MLFLOW/iris/pending points to version 9, which cannot be read: it is pending, failed or deleted")]
    [InlineData("MLFLOW/../x", Errno.ENOENT, "MLFLOW has no model '..'; it has: iris, team%2Fmodel")]
    public async Task A_wrong_path_is_told_what_is_there_instead(string path, Errno errno, string message)
    {
        await using var tree = await StartAsync();
        var result = await tree.Tree.ResolveAsync(path, followLast: true, default);
        Assert.Equal((errno, message), (result.Error, result.Message));
        Assert.Null(result.Value);
    }

    [Fact]
    public async Task Of_many_names_the_nearest_are_given()
    {
        await using var tree = await TreeUnderTest.StartAsync(registry =>
        {
            for (var i = 0; i < 1000; i++)
                registry.Add($"model-{i:D4}");
            registry.Add("champion");
        });
        var result = await tree.Tree.ResolveAsync("MLFLOW/chmpion", followLast: true, default);
        Assert.StartsWith("MLFLOW has no model 'chmpion'; it has: champion, ", result.Message, StringComparison.Ordinal);
        Assert.EndsWith(", …", result.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(RegistryErrorKind.Unavailable, Errno.EIO)]
    [InlineData(RegistryErrorKind.Denied, Errno.EACCES)]
    public async Task A_registry_that_fails_is_named_with_its_reason(RegistryErrorKind kind, Errno errno)
    {
        await using var tree = await StartAsync();
        tree.Registry.Fault = _ => new RegistryError(kind, "because of this");
        var result = await tree.Tree.ResolveAsync("MLFLOW/iris/champion", followLast: true, default);
        Assert.Equal((errno, "MLFLOW/iris: because of this"), (result.Error, result.Message));
        var listed = Assert.Single(await ListAsync(tree, new RegistryNode("MLFLOW")));
        Assert.Equal((errno, "MLFLOW: because of this"), (listed.Error, listed.Message));
    }

    [Fact]
    public async Task Every_directory_is_listed_with_what_its_children_are()
    {
        await using var tree = await StartAsync();
        async Task<string[]> List(TreeNode node) => [.. (await ListAsync(tree, node)).Select(child => $"{child.Value!.GetType().Name} {child.Value.Path}")];
        Assert.Equal(["RegistryNode MLFLOW"], await List(new RootNode()));
        Assert.Equal(["ModelNode MLFLOW/iris", "ModelNode MLFLOW/team%2Fmodel"], await List(await ResolveAsync(tree, "MLFLOW")));
        Assert.Equal(
            ["AliasNode MLFLOW/iris/challenger", "AliasNode MLFLOW/iris/champion", "AliasNode MLFLOW/iris/pending", "AliasNode MLFLOW/iris/latest", "VersionNode MLFLOW/iris/3", "VersionNode MLFLOW/iris/2", "VersionNode MLFLOW/iris/1"],
            await List(await ResolveAsync(tree, "MLFLOW/iris")));
        string[] files = ["FileNode MLFLOW/iris/2/MLmodel", "DirectoryNode MLFLOW/iris/2/data"];
        Assert.Equal(files, await List(await ResolveAsync(tree, "MLFLOW/iris/champion")));
        var version = (await ListAsync(tree, await ResolveAsync(tree, "MLFLOW/iris"))).Select(child => child.Value).OfType<VersionNode>().Single(node => node.Name == "2");
        Assert.Equal(files, await List(version));
        Assert.Equal(["FileNode MLFLOW/iris/2/data/x"], await List(await ResolveAsync(tree, "MLFLOW/iris/2/data")));
        Assert.Equal(Errno.ENOTDIR, Assert.Single(await ListAsync(tree, await ResolveAsync(tree, "MLFLOW/iris/2/MLmodel"))).Error);
    }

    [Fact]
    public async Task A_models_raw_name_is_in_its_links_and_an_escaped_one_in_their_paths()
    {
        await using var tree = await StartAsync();
        tree.Registry.Models["team/model"].Alias("a", "1");
        var link = (await ListAsync(tree, await ResolveAsync(tree, "MLFLOW/team%2Fmodel"))).Select(child => child.Value).OfType<AliasNode>().First();
        Assert.Equal(("team/model", "MLFLOW/team%2Fmodel/a"), (link.Model, link.Path));
    }

    [Fact]
    public async Task A_huge_directory_is_listed_as_it_comes()
    {
        await using var tree = await TreeUnderTest.StartAsync(registry =>
        {
            registry.PageSize = 10;
            for (var i = 0; i < 1000; i++)
                registry.Add($"model-{i:D4}");
        });
        await foreach (var child in tree.Tree.ListAsync(new RegistryNode("MLFLOW"), default))
        {
            if (child.Value!.Name == "model-0014")
                break;
        }

        Assert.Equal(2, tree.Registry.Calls.Count);
    }

    [Fact]
    public async Task A_file_opens_without_a_mount()
    {
        await using var tree = await StartAsync();
        var file = Assert.IsType<FileNode>(await ResolveAsync(tree, "MLFLOW/iris/champion/MLmodel"));
        Assert.Equal(("MLFLOW", 9), (file.Registry, file.Size));
        using var handle = tree.Tree.Open(file);
        var buffer = new byte[100];
        var read = await handle.ReadAsync(0, buffer, default);
        Assert.Equal("MLmodel 2", System.Text.Encoding.UTF8.GetString(buffer, 0, (int)read.Value));
    }

    [Theory]
    [InlineData("a/b")]
    [InlineData("..")]
    [InlineData("")]
    public async Task A_registry_whose_name_is_no_directorys_is_refused(string name)
    {
        await using var tree = await StartAsync();
        var thrown = Assert.Throws<ArgumentException>(() => new ModelTree([(name, tree.Registry)], tree.Cache, new TreeOptions(), NullLoggerFactory.Instance, tree.Time));
        Assert.Contains($"'{name}'", thrown.Message, StringComparison.Ordinal);
    }

    private static async Task<TreeNode> ResolveAsync(TreeUnderTest tree, string path) => (await tree.Tree.ResolveAsync(path, followLast: true, default)).Value!;

    private static async Task<List<TreeResult<TreeNode>>> ListAsync(TreeUnderTest tree, TreeNode node)
    {
        var children = new List<TreeResult<TreeNode>>();
        await foreach (var child in tree.Tree.ListAsync(node, default))
            children.Add(child);
        return children;
    }

    private static Task<TreeUnderTest> StartAsync() => TreeUnderTest.StartAsync(registry =>
    {
        var iris = registry.Add("iris").Alias("champion", "2").Alias("challenger", "3").Alias("pending", "9");
        for (var version = 1; version <= 3; version++)
            iris.With(version, ("MLmodel", $"MLmodel {version}"), ("data/x", "x"));
        registry.Add("team/model").With(1, ("a%b", "x"));
    });
}
