using Microsoft.Extensions.Logging;
using ModelFs.Fuse.Device;
using ModelFs.Fuse.Mounting;

namespace ModelFs.Fuse.Tests.Mounting;

/// <summary>A directory for real mounts. Whatever a test does, nothing stays mounted in it: every connection is aborted at the end.</summary>
public abstract class MountSandbox : IAsyncLifetime
{
    protected static readonly FuseMountOptions Options = new() { Name = "hello" };

    private readonly List<FuseMount> mounts = [];

    protected string Root { get; } = Directory.CreateTempSubdirectory("modelfs-fuse-").FullName;

    protected string MountPoint => Path.Join(Root, "mnt");

    internal CollectedLog Log { get; } = new();

    public async Task InitializeAsync()
    {
        // These tests are the only proof against a real kernel: without it they fail, they are not skipped.
        Assert.True(Environment.IsPrivilegedProcess, "tests against a real mount need root");
        Assert.True(File.Exists(KernelDevice.Path), "tests against a real mount need /dev/fuse");
        await Tool.RunAsync("chmod", "755", Root);
    }

    public async Task DisposeAsync()
    {
        foreach (MountEntry mount in MountTable.Read().Where(mount => mount.MountPoint.StartsWith(Root, StringComparison.Ordinal)).Reverse())
        {
            if (mount.FileSystemType.StartsWith("fuse.", StringComparison.Ordinal))
                new ConnectionControl(mount.Device).TryAbort();
            Unmounter.Detach(mount.MountPoint);
        }

        foreach (FuseMount mount in mounts)
            await mount.DisposeAsync();
        Assert.DoesNotContain(MountTable.Read(), mount => mount.MountPoint.StartsWith(Root, StringComparison.Ordinal));
        Directory.Delete(Root, recursive: true);
    }

    protected Task<FuseMount> MountAsync(FuseFileSystem fileSystem, FuseMountOptions? options = null) => MountAsync(MountPoint, fileSystem, options);

    protected async Task<FuseMount> MountAsync(string path, FuseFileSystem fileSystem, FuseMountOptions? options = null)
    {
        FuseMount mount = await FuseMount.MountAsync(path, fileSystem, options ?? Options, Log);
        mounts.Add(mount);
        return mount;
    }

    /// <summary>A mount whose daemon is gone: its device is closed.</summary>
    protected void LeaveCorpse() => MountWithoutSession().Dispose();

    /// <summary>A mount whose daemon is there and answers nothing, not even INIT.</summary>
    internal KernelDevice MountWithoutSession()
    {
        Directory.CreateDirectory(Path.GetDirectoryName(MountPoint)!);
        if (MountTable.FindTop(MountTable.Read(), MountPoint) is null)
            Directory.CreateDirectory(MountPoint);
        return Mounter.Mount(MountPoint, Options, Log);
    }

    protected int CountMounts() => MountTable.Read().Count(mount => mount.MountPoint == MountPoint);
}
