using System.Text;
using ModelFs.Testing.Kernel;

namespace ModelFs.Fuse.Tests.Session;

public sealed class OpcodeTests
{
    private readonly ScriptedFileSystem fileSystem = new();

    [Fact]
    public async Task Lookup_gives_the_entry_with_both_ttls()
    {
        fileSystem.OnLookup = (_, parent, name) => new(new FuseEntry(parent + 1, ScriptedFileSystem.File with { Inode = (ulong)name.Length },
            TimeSpan.FromSeconds(3600), TimeSpan.FromMilliseconds(1250), Generation: 9));
        await using SessionUnderTest session = await SessionUnderTest.StartAsync(fileSystem);

        ScriptedEntry entry = (await session.Kernel.LookupAsync(5, "ünïcode-模型")).Entry;

        Assert.Equal((6UL, 9UL), (entry.Node, entry.Generation));
        Assert.Equal((TimeSpan.FromSeconds(3600), TimeSpan.FromMilliseconds(1250)), (entry.EntryTtl, entry.AttributesTtl));
        Assert.Equal(new ScriptedAttributes(10, 1000, 2, 1_500_000_000, 123_456_789, 0x8124, 1, 0, 0, 4096), entry.Attributes);
    }

    [Fact]
    public async Task An_absent_name_is_a_success_with_node_0_that_the_kernel_may_believe()
    {
        fileSystem.OnLookup = (_, _, _) => new(FuseEntry.Absent(TimeSpan.FromMinutes(5)));
        await using SessionUnderTest session = await SessionUnderTest.StartAsync(fileSystem);

        ScriptedReply reply = await session.Kernel.LookupAsync(1, "missing");

        Assert.Equal((0, 0UL, TimeSpan.FromMinutes(5)), (reply.Error, reply.Entry.Node, reply.Entry.EntryTtl));
    }

    [Fact]
    public async Task An_errno_of_the_handler_reaches_the_caller()
    {
        fileSystem.OnLookup = (_, _, _) => new(Errno.ENOENT);
        fileSystem.OnGetAttributes = (_, _) => new(Errno.EACCES);
        await using SessionUnderTest session = await SessionUnderTest.StartAsync(fileSystem);

        Assert.Equal((int)Errno.ENOENT, (await session.Kernel.LookupAsync(1, "x")).Error);
        Assert.Equal((int)Errno.EACCES, (await session.Kernel.GetAttrAsync(1)).Error);
    }

    [Fact]
    public async Task An_errno_that_the_kernel_does_not_take_becomes_eio()
    {
        fileSystem.OnGetAttributes = (_, node) => new((Errno)(int)node);
        await using SessionUnderTest session = await SessionUnderTest.StartAsync(fileSystem);

        Assert.Equal((int)Errno.EIO, (await session.Kernel.GetAttrAsync(512)).Error);
        Assert.Equal(511, (await session.Kernel.GetAttrAsync(511)).Error);
    }

    [Fact]
    public async Task A_handler_sees_who_asks()
    {
        FuseRequest? seen = null;
        (ulong, uint, uint, uint) who = default;
        fileSystem.OnGetAttributes = (request, _) =>
        {
            seen = request;
            who = (request.Unique, request.Uid, request.Gid, request.Pid);
            return new(Errno.EACCES);
        };
        await using SessionUnderTest session = await SessionUnderTest.StartAsync(fileSystem);

        ulong unique = session.Kernel.Send(Opcode.GetAttr, 1, new byte[16], uid: 1000, gid: 100, pid: 77);
        await session.Kernel.ReplyAsync(unique);

        Assert.NotNull(seen);
        Assert.Equal((unique, 1000u, 100u, 77u), who);
    }

    [Fact]
    public async Task Statx_gives_all_basic_fields_and_the_birth_time()
    {
        await using SessionUnderTest session = await SessionUnderTest.StartAsync(fileSystem);

        ScriptedReply reply = await session.Kernel.AskAsync(Opcode.StatX, 2, new byte[24]);

        Assert.Equal(288, reply.Payload.Length);
        Assert.Equal((1UL, 0xfffu, 4096u), (reply.U64(0), reply.U32(32), reply.U32(36)));
        Assert.Equal(0x8124u, reply.U32(60) & 0xffff);
        Assert.Equal((42UL, 1000UL, 2UL), (reply.U64(64), reply.U64(72), reply.U64(80)));
        for (int time = 96; time < 160; time += 16)
            Assert.Equal((1_500_000_000UL, 123_456_789u), (reply.U64(time), reply.U32(time + 8)));
    }

    [Fact]
    public async Task Readlink_gives_the_target_without_a_terminator()
    {
        fileSystem.OnReadLink = (_, _) => new((ReadOnlyMemory<byte>)"12"u8.ToArray());
        await using SessionUnderTest session = await SessionUnderTest.StartAsync(fileSystem);

        Assert.Equal("12", (await session.Kernel.ReadLinkAsync(3)).Text);
    }

    [Fact]
    public async Task Open_read_release_carry_the_handle_through()
    {
        byte[] content = Encoding.ASCII.GetBytes("0123456789");
        fileSystem.OnRead = (_, offset, destination) =>
        {
            int count = Math.Min(destination.Length, content.Length - (int)offset);
            content.AsSpan((int)offset, count).CopyTo(destination.Span);
            return new(count);
        };
        await using SessionUnderTest session = await SessionUnderTest.StartAsync(fileSystem);

        Assert.Equal((7UL, 2u), (await session.Kernel.OpenAsync(2)).Open);
        Assert.Equal("34567", (await session.Kernel.ReadAsync(2, 7, 3, 5)).Text);
        Assert.Equal("89", (await session.Kernel.ReadAsync(2, 7, 8, 4096)).Text);
        Assert.Equal(0, (await session.Kernel.ReleaseAsync(2, 7)).Error);
        Assert.Equal([(2UL, 7UL)], fileSystem.Released);
    }

    [Fact]
    public async Task Reading_past_the_end_returns_zero_bytes()
    {
        await using SessionUnderTest session = await SessionUnderTest.StartAsync(fileSystem);

        ScriptedReply reply = await session.Kernel.ReadAsync(2, 7, 1 << 20, 4096);

        Assert.Equal((0, 0), (reply.Error, reply.Payload.Length));
    }

    [Theory]
    [InlineData(1u)]
    [InlineData(2u)]
    [InlineData(0x200u)]
    public async Task Opening_to_write_or_truncate_is_erofs_and_asks_no_handler(uint flags)
    {
        fileSystem.OnOpen = (_, _) => throw new InvalidOperationException("asked");
        await using SessionUnderTest session = await SessionUnderTest.StartAsync(fileSystem);

        Assert.Equal((int)Errno.EROFS, (await session.Kernel.OpenAsync(2, flags)).Error);
        Assert.Empty(session.Log.Errors);
    }

    [Fact]
    public async Task An_open_that_a_handler_answers_with_enosys_is_eio_because_the_kernel_would_never_open_again()
    {
        fileSystem.OnOpen = (_, _) => new(Errno.ENOSYS);
        fileSystem.OnOpenDirectory = (_, _) => new(Errno.ENOSYS);
        await using SessionUnderTest session = await SessionUnderTest.StartAsync(fileSystem);

        Assert.Equal((int)Errno.EIO, (await session.Kernel.OpenAsync(2)).Error);
        Assert.Equal((int)Errno.EIO, (await session.Kernel.OpenDirAsync(1)).Error);
    }

    [Fact]
    public async Task Opendir_and_releasedir_carry_their_own_handle()
    {
        await using SessionUnderTest session = await SessionUnderTest.StartAsync(fileSystem);

        Assert.Equal((8UL, 8u), (await session.Kernel.OpenDirAsync(1)).Open);
        Assert.Equal(0, (await session.Kernel.ReleaseDirAsync(1, 8)).Error);
        Assert.Equal([(1UL, 8UL)], fileSystem.ReleasedDirectories);
    }

    [Fact]
    public async Task Forget_and_batch_forget_count_and_are_not_answered()
    {
        await using SessionUnderTest session = await SessionUnderTest.StartAsync(fileSystem, new FuseMountOptions { ReaderThreads = 1 });

        session.Kernel.Forget(9, 3);
        session.Kernel.BatchForget((10, 1), (11, ulong.MaxValue));
        await session.Kernel.GetAttrAsync(1);

        Assert.Equal([(9UL, 3UL), (10UL, 1UL), (11UL, ulong.MaxValue)], fileSystem.Forgotten);
    }

    [Fact]
    public async Task Statfs_gives_blocks_in_the_block_size()
    {
        fileSystem.OnGetStatistics = _ => new(new FuseStatistics(100, 40, 30, 20, 10, BlockSize: 512, NameLength: 200));
        await using SessionUnderTest session = await SessionUnderTest.StartAsync(fileSystem);

        ScriptedReply reply = await session.Kernel.StatFsAsync();

        Assert.Equal(80, reply.Payload.Length);
        Assert.Equal([100, 40, 30, 20, 10], new[] { 0, 8, 16, 24, 32 }.Select(at => (int)reply.U64(at)));
        Assert.Equal((512u, 200u, 512u), (reply.U32(40), reply.U32(44), reply.U32(48)));
    }

    [Fact]
    public async Task Lseek_gives_the_offset_and_passes_an_error_on()
    {
        fileSystem.OnSeek = (offset, whence) => whence == 3 ? new(offset) : new(Errno.ENXIO);
        await using SessionUnderTest session = await SessionUnderTest.StartAsync(fileSystem);

        Assert.Equal(77UL, (await session.Kernel.LSeekAsync(2, 7, 77, whence: 3)).U64(0));
        Assert.Equal((int)Errno.ENXIO, (await session.Kernel.LSeekAsync(2, 7, 77, whence: 4)).Error);
    }

    [Theory]
    [InlineData(4u, 0)]
    [InlineData(1u, 0)]
    [InlineData(2u, (int)Errno.EROFS)]
    [InlineData(6u, (int)Errno.EROFS)]
    public async Task Access_denies_nothing_but_writing(uint mask, int error)
    {
        await using SessionUnderTest session = await SessionUnderTest.StartAsync(fileSystem);

        Assert.Equal(error, (await session.Kernel.AskAsync(Opcode.Access, 2, new RequestBody().U32(mask).U32(0).ToArray())).Error);
    }

    [Fact]
    public async Task Destroy_is_answered_and_the_end_follows_from_the_device()
    {
        await using SessionUnderTest session = await SessionUnderTest.StartAsync(fileSystem);

        Assert.Equal(0, (await session.Kernel.AskAsync(Opcode.Destroy, 0, [])).Error);
        Assert.False(session.Session.Completion.IsCompleted);
    }

    [Theory]
    [InlineData(Opcode.SetAttr)]
    [InlineData(Opcode.Symlink)]
    [InlineData(Opcode.MkNod)]
    [InlineData(Opcode.MkDir)]
    [InlineData(Opcode.Unlink)]
    [InlineData(Opcode.RmDir)]
    [InlineData(Opcode.Rename)]
    [InlineData(Opcode.Link)]
    [InlineData(Opcode.Write)]
    [InlineData(Opcode.Create)]
    [InlineData(Opcode.SetXAttr)]
    [InlineData(Opcode.RemoveXAttr)]
    [InlineData(Opcode.FAllocate)]
    [InlineData(Opcode.Rename2)]
    [InlineData(Opcode.CopyFileRange)]
    [InlineData(Opcode.TmpFile)]
    [InlineData((Opcode)53)]
    public async Task What_writes_is_erofs(Opcode opcode)
    {
        await using SessionUnderTest session = await SessionUnderTest.StartAsync(fileSystem);

        Assert.Equal((int)Errno.EROFS, (await session.Kernel.AskAsync(opcode, 2, new byte[100])).Error);
    }

    [Theory]
    [InlineData(Opcode.Flush)]
    [InlineData(Opcode.FSync)]
    [InlineData(Opcode.IoCtl)]
    [InlineData(Opcode.Poll)]
    [InlineData(Opcode.BMap)]
    [InlineData((Opcode)4096)]
    [InlineData((Opcode)uint.MaxValue)]
    public async Task What_is_unknown_is_enosys(Opcode opcode)
    {
        await using SessionUnderTest session = await SessionUnderTest.StartAsync(fileSystem);

        Assert.Equal((int)Errno.ENOSYS, (await session.Kernel.AskAsync(opcode, 2, new byte[64])).Error);
    }

    [Fact]
    public async Task What_a_filesystem_does_not_override_answers_as_its_documentation_says()
    {
        await using SessionUnderTest session = await SessionUnderTest.StartAsync(new HelloFileSystem());

        Assert.Equal((int)Errno.EINVAL, (await session.Kernel.ReadDirAsync(1, 0, 0, size: 20)).Error);
        Assert.Equal((int)Errno.EOPNOTSUPP, (await session.Kernel.GetXAttrAsync(2, "user.x")).Error);
        Assert.Empty((await session.Kernel.ListXAttrAsync(2)).Payload);
        Assert.Equal((int)Errno.ENOSYS, (await session.Kernel.LSeekAsync(2, 0, 0, 3)).Error);
        Assert.Equal((0UL, 2u), (await session.Kernel.OpenAsync(2)).Open);
        Assert.Equal((0UL, 0u), (await session.Kernel.OpenDirAsync(1)).Open);
        Assert.Equal((4096u, 255u), ((await session.Kernel.StatFsAsync()).U32(40), (await session.Kernel.StatFsAsync()).U32(44)));
    }
}
