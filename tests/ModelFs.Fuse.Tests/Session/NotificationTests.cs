using System.Text;
using ModelFs.Testing.Kernel;

namespace ModelFs.Fuse.Tests.Session;

public sealed class NotificationTests
{
    private readonly ScriptedFileSystem fileSystem = new();

    [Fact]
    public async Task Notifications_arrive_in_order_with_the_kernels_layout()
    {
        await using SessionUnderTest session = await SessionUnderTest.StartAsync(fileSystem);

        session.Session.InvalidateEntry(5, "champion"u8.ToArray());
        session.Session.InvalidateInode(6, -1, 0);

        ScriptedReply entry = session.Kernel.NextNotification();
        Assert.Equal((3, 16 + 8 + 1), (entry.Error, entry.Payload.Length));
        Assert.Equal((5UL, 8u, 0u), (entry.U64(0), entry.U32(8), entry.U32(12)));
        Assert.Equal("champion\0", Encoding.UTF8.GetString(entry.Payload[16..]));

        ScriptedReply inode = session.Kernel.NextNotification();
        Assert.Equal((2, 24), (inode.Error, inode.Payload.Length));
        Assert.Equal((6UL, -1L, 0L), (inode.U64(0), (long)inode.U64(8), (long)inode.U64(16)));
    }

    [Fact]
    public async Task A_handler_may_notify_while_it_answers()
    {
        SessionUnderTest? session = null;
        fileSystem.OnGetAttributes = (_, _) =>
        {
            session!.Session.InvalidateEntry(1, "x"u8.ToArray());
            return new(Errno.EACCES);
        };
        await using (session = await SessionUnderTest.StartAsync(fileSystem))
        {
            Assert.Equal((int)Errno.EACCES, (await session.Kernel.GetAttrAsync(2)).Error);
            Assert.Equal(3, session.Kernel.NextNotification().Error);
        }
    }

    [Fact]
    public async Task A_notification_after_the_end_is_dropped()
    {
        SessionUnderTest session = await SessionUnderTest.StartAsync(fileSystem);
        await session.DisposeAsync();

        session.Session.InvalidateInode(2, 0, 0);

        Assert.True(session.Session.Completion.IsCompletedSuccessfully);
    }
}
