using System.Diagnostics;
using Microsoft.Extensions.Logging.Abstractions;
using ModelFs.Fuse;
using ModelFs.Testing.Kernel;

namespace ModelFs.Vfs.Tests.Support;

/// <summary>A tree on a real mount, <c>mnt</c> in a directory of its own. Needs /dev/fuse and root, or fusermount3.</summary>
internal sealed class Mounted : IAsyncDisposable
{
    private readonly ModelFileSystem fileSystem;
    private FuseMount? mount;

    private Mounted(ModelFileSystem fileSystem) => this.fileSystem = fileSystem;

    public string Directory { get; } = System.IO.Directory.CreateTempSubdirectory("modelfs-vfs-mount-").FullName;

    public ModelFileSystem FileSystem => fileSystem;

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
        using var process = Process.Start(new ProcessStartInfo("timeout", ["-s", "KILL", "60", "sh", "-c", $"cd mnt && {{ {command}; }}"])
        {
            WorkingDirectory = Directory, RedirectStandardOutput = true, RedirectStandardError = true,
        })!;
        var (output, errors) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync();
        Assert.Equal("", await errors);
        return await output;
    }

    /// <summary>Waits until a command in the mount has made this file beside it.</summary>
    public Task UntilAsync(string file) => TreeUnderTest.EventuallyAsync(() => File.Exists(Path.Combine(Directory, file)));

    /// <summary>Makes a file beside the mount, for which a command in it waits.</summary>
    public void Tell(string file) => File.WriteAllText(Path.Combine(Directory, file), "");

    public async ValueTask DisposeAsync()
    {
        await mount!.DisposeAsync();
        await mount.Session.Drained.WaitAsync(ScriptedKernel.Patience);
        fileSystem.Dispose();
        System.IO.Directory.Delete(Directory, recursive: true);
    }
}
