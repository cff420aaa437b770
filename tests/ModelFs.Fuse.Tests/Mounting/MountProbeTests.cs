using System.Diagnostics;

namespace ModelFs.Fuse.Tests.Mounting;

public sealed class MountProbeTests : MountSandbox
{
    [Fact]
    public async Task A_mount_answers_also_under_a_reader_that_hangs_until_it_is_gone()
    {
        var fileSystem = new HangingFileSystem();
        FuseMount mount = await MountAsync(fileSystem);
        using Process reader = Tool.Start("cat", $"{MountPoint}/hung");
        await TestWait.UntilAsync(() => fileSystem.Waiting >= 1);
        Assert.Equal(MountState.Answers, await Task.Run(() => MountProbe.Ask(MountPoint)));

        reader.Kill();
        await Tool.ExitAsync(reader);
        await mount.DisposeAsync();

        Assert.Equal(MountState.Gone, MountProbe.Ask(MountPoint));
        Assert.Equal(MountState.Gone, MountProbe.Ask(MountPoint + "/absent"));
    }

    [Fact]
    public void A_corpse_is_dead()
    {
        LeaveCorpse();
        Assert.Equal(MountState.Dead, MountProbe.Ask(MountPoint));
    }
}
