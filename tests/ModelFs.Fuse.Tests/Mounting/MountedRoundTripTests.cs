using System.Diagnostics;

namespace ModelFs.Fuse.Tests.Mounting;

public sealed class MountedRoundTripTests : MountSandbox
{
    private static readonly TimeSpan Long = TimeSpan.FromSeconds(20);

    private readonly HangingFileSystem fileSystem = new();

    [Fact]
    public async Task A_mount_answers_also_under_a_reader_that_hangs_and_when_nobody_uses_it()
    {
        FuseMount mount = await MountAsync(fileSystem);
        Assert.True(await mount.Session.AnswersAsync(Long));

        using Process reader = Tool.Start("cat", $"{MountPoint}/hung");
        await TestWait.UntilAsync(() => fileSystem.Waiting >= 1);
        Assert.True(await mount.Session.AnswersAsync(Long));

        reader.Kill();
        await Tool.ExitAsync(reader);
        await mount.DisposeAsync();
        Assert.False(await mount.Session.AnswersAsync(Long));
    }
}
