using System.Diagnostics;
using ModelFs.Fuse.Mounting;
using ModelFs.Testing.Kernel;

namespace ModelFs.Fuse.Tests.Mounting;

public sealed class UnmountTests : MountSandbox
{
    [Fact]
    public async Task Disposing_unmounts_and_completes_and_may_be_repeated()
    {
        FuseMount mount = await MountAsync(new HelloFileSystem());
        Assert.False(mount.Completion.IsCompleted);

        await mount.DisposeAsync();
        await mount.DisposeAsync();

        Assert.True(mount.Completion.IsCompletedSuccessfully);
        Assert.Equal(0, CountMounts());
        Assert.True(Directory.Exists(MountPoint));
    }

    [Fact]
    public async Task A_mount_with_an_open_file_is_unmounted_all_the_same()
    {
        FuseMount mount = await MountAsync(new HelloFileSystem());
        using Process reader = Tool.Start("sh", "-c", $"exec 3< {MountPoint}/hello.txt; echo open; exec sleep 60");
        Assert.Equal("open", await reader.StandardOutput.ReadLineAsync().WaitAsync(ScriptedKernel.Patience));

        await mount.DisposeAsync().AsTask().WaitAsync(ScriptedKernel.Patience);

        Assert.Equal(0, CountMounts());
        Assert.True(mount.Completion.IsCompletedSuccessfully);
        Assert.Contains(Log.Lines, line => line.Text.Contains("while files on it are open", StringComparison.Ordinal));
        reader.Kill();
        await Tool.ExitAsync(reader);
    }

    [Fact]
    public async Task An_unmount_by_somebody_else_completes_the_mount()
    {
        FuseMount mount = await MountAsync(new HelloFileSystem());

        Assert.Equal(0, (await Tool.RunAsync("umount", MountPoint)).ExitCode);

        await mount.Completion.WaitAsync(ScriptedKernel.Patience);
        await mount.DisposeAsync();
        Assert.Empty(Log.Errors);
    }

    [Fact]
    public async Task Disposing_after_somebody_elses_unmount_leaves_a_new_mount_of_the_same_path_alone()
    {
        FuseMount first = await MountAsync(new HelloFileSystem());
        await Tool.RunAsync("umount", MountPoint);
        await first.Completion.WaitAsync(ScriptedKernel.Patience);
        await MountAsync(new HelloFileSystem());

        await first.DisposeAsync();

        Assert.Equal(1, CountMounts());
        Assert.Equal("Hello, world\n", (await Tool.RunAsync("cat", $"{MountPoint}/hello.txt")).Output);
    }

    [Fact]
    public async Task A_connection_that_somebody_aborts_completes_the_mount_and_disposing_takes_its_corpse_away()
    {
        FuseMount mount = await MountAsync(new HelloFileSystem());

        Assert.True(new ConnectionControl(Assert.Single(MountTable.Read(), entry => entry.MountPoint == MountPoint).Device).TryAbort());

        await mount.Completion.WaitAsync(ScriptedKernel.Patience);
        Assert.Equal(1, CountMounts());
        await mount.DisposeAsync();
        Assert.Equal(0, CountMounts());
    }

    [Fact]
    public async Task A_mount_that_is_cancelled_before_it_begins_leaves_nothing()
    {
        using var cancelled = new CancellationTokenSource();
        await cancelled.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => FuseMount.MountAsync(MountPoint, new HelloFileSystem(), Options, Log, cancelled.Token));

        Assert.Equal(0, CountMounts());
    }

    [Fact]
    public async Task Unmounting_cancels_reads_that_hang()
    {
        var fileSystem = new HangingFileSystem();
        FuseMount mount = await MountAsync(fileSystem);
        using Process reader = Tool.Start("cat", $"{MountPoint}/hung");
        await TestWait.UntilAsync(() => fileSystem.Waiting >= 1);

        await mount.DisposeAsync().AsTask().WaitAsync(ScriptedKernel.Patience);

        await Tool.ExitAsync(reader);
        Assert.NotEqual(0, reader.ExitCode);
        Assert.Equal(0, fileSystem.Waiting);
    }
}
