using System.Diagnostics;
using Microsoft.Extensions.Logging.Abstractions;
using ModelFs.Fuse;
using ModelFs.Testing.Kernel;
using ModelFs.Vfs.Tests.Support;

namespace ModelFs.Vfs.Tests;

/// <summary>The tree on a real mount, read by ordinary tools. Needs /dev/fuse and root, or fusermount3, and fails without.</summary>
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

    private sealed class Mounted : IAsyncDisposable
    {
        private readonly ModelFileSystem fileSystem;
        private FuseMount? mount;

        private Mounted(ModelFileSystem fileSystem) => this.fileSystem = fileSystem;

        public string Directory { get; } = System.IO.Directory.CreateTempSubdirectory("modelfs-vfs-mount-").FullName;

        public static async Task<Mounted> StartAsync(TreeUnderTest tree)
        {
            var mounted = new Mounted(new ModelFileSystem(tree.Tree, NullLoggerFactory.Instance));
            mounted.mount = await FuseMount.MountAsync(
                Path.Combine(mounted.Directory, "mnt"), mounted.fileSystem, new FuseMountOptions { Name = "modelfs-test" }, NullLoggerFactory.Instance);
            return mounted;
        }

        /// <summary>Runs a shell command in the mount. A process of its own: this one must not wait for itself.</summary>
        public async Task<string> RunAsync(string command)
        {
            using var process = Process.Start(new ProcessStartInfo("timeout", ["-s", "KILL", "30", "sh", "-c", $"cd mnt && {{ {command}; }}"])
            {
                WorkingDirectory = Directory, RedirectStandardOutput = true, RedirectStandardError = true,
            })!;
            var (output, errors) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
            await process.WaitForExitAsync();
            Assert.Equal("", await errors);
            return await output;
        }

        public async ValueTask DisposeAsync()
        {
            await mount!.DisposeAsync();
            await mount.Session.Drained.WaitAsync(ScriptedKernel.Patience);
            fileSystem.Dispose();
            System.IO.Directory.Delete(Directory, recursive: true);
        }
    }
}
