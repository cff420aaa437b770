using ModelFs.Vfs.Tests.Support;

namespace ModelFs.Vfs.Tests;

/// <summary>The tree on a real mount, read by ordinary tools. Needs /dev/fuse and root, or fusermount3, and fails without.</summary>
[Collection("mounts")]
public sealed class MountTests
{
    [Fact]
    public async Task Ordinary_tools_see_an_ordinary_tree()
    {
        await using var tree = await StartAsync();
        await using var mount = await Mounted.StartAsync(tree);
        Assert.Equal(
            "MLFLOW\nMLFLOW/ünïcode-模型\nMLFLOW/ünïcode-模型/1\nMLFLOW/ünïcode-模型/1/MLmodel\nMLFLOW/ünïcode-模型/1/data\nMLFLOW/ünïcode-模型/1/data/empty\n"
            + "MLFLOW/ünïcode-模型/1/data/large\nMLFLOW/ünïcode-模型/2\nMLFLOW/ünïcode-模型/2/MLmodel\nMLFLOW/ünïcode-模型/champion\nMLFLOW/ünïcode-模型/latest\n",
            await mount.RunAsync("find MLFLOW | LC_ALL=C sort"));
        Assert.Equal("one", await mount.RunAsync("cat MLFLOW/ün*/champion/MLmodel"));
        Assert.Equal("2\n", await mount.RunAsync("readlink MLFLOW/ün*/latest"));
        Assert.Equal("555 directory\n444 regular file\n", await mount.RunAsync("stat -c '%a %F' MLFLOW/ün*/1 MLFLOW/ün*/1/MLmodel"));
        var large = tree.Registry.Models["ünïcode-模型"].Versions["1"].Files["data/large"].Bytes;
        Assert.StartsWith(Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(large)), await mount.RunAsync("sha256sum MLFLOW/ün*/1/data/large"), StringComparison.Ordinal);
        Assert.Equal("", await mount.RunAsync("cp -rL MLFLOW/ün*/1 ../copy && diff -r MLFLOW/ün*/1 ../copy"));
        Assert.Equal("", await mount.RunAsync("tar cf ../a.tar -C MLFLOW/ün*/1 . && mkdir ../untarred && tar xf ../a.tar -C ../untarred && diff -r MLFLOW/ün*/1 ../untarred"));
        Assert.Equal("MLFLOW/ünïcode-模型/1/MLmodel\n", await mount.RunAsync("grep -rl one MLFLOW/ün*/1"));
        Assert.Equal("977\n", await mount.RunAsync("du -k MLFLOW/ün*/1/data/large | cut -f1"));
        Assert.Equal("MLFLOW 1\n", await mount.RunAsync("cd MLFLOW/ün*/1 && echo $(getfattr --only-values -n user.modelfs.registry MLmodel) $(getfattr --only-values -n user.modelfs.revision MLmodel)"));
    }

    [Fact]
    public async Task An_alias_that_moves_is_followed_and_an_open_file_stays()
    {
        await using var tree = await StartAsync();
        await using var mount = await Mounted.StartAsync(tree);
        Assert.Equal("one", await mount.RunAsync("cat MLFLOW/ün*/champion/MLmodel"));
        var reader = mount.RunAsync("exec 3< MLFLOW/ünïcode-模型/champion/MLmodel; touch ../open; while [ ! -e ../moved ]; do sleep 0.05; done; cat <&3; cat MLFLOW/ünïcode-模型/champion/MLmodel");
        await TreeUnderTest.EventuallyAsync(() => File.Exists(Path.Combine(mount.Directory, "open")));
        tree.Registry.Models["ünïcode-模型"].Alias("champion", "2");
        tree.Time.Advance(TimeSpan.FromSeconds(11));
        await File.WriteAllTextAsync(Path.Combine(mount.Directory, "moved"), "");
        Assert.Equal("onetwo", await reader);
    }

    private static Task<TreeUnderTest> StartAsync() => TreeUnderTest.StartAsync(registry =>
    {
        var large = new byte[1_000_000];
        new Random(2).NextBytes(large);
        registry.Add("ünïcode-模型").With(1, ("MLmodel", "one"), ("data/empty", "")).With(2, ("MLmodel", "two")).Alias("champion", "1").Versions["1"].Files["data/large"] = new TestFile(large);
    });
}
