using System.Buffers.Binary;
using ModelFs.Fuse.Protocol;
using ModelFs.Testing.Kernel;

namespace ModelFs.Fuse.Tests.Protocol;

public sealed class HandshakeTests
{
    private const ulong InitExt = 1UL << 30;
    private const ulong MaxPages = 1UL << 22;
    private const ulong Passthrough = 1UL << 37;

    /// <summary>ASYNC_READ, DO_READDIRPLUS, READDIRPLUS_AUTO, PARALLEL_DIROPS, MAX_PAGES, EXPLICIT_INVAL_DATA, INIT_EXT, PASSTHROUGH, HAS_RESEND, ALLOW_IDMAP.</summary>
    private const ulong Wanted = 1 | 1UL << 13 | 1UL << 14 | 1UL << 18 | MaxPages | 1UL << 25 | InitExt | Passthrough | 1UL << 39 | 1UL << 40;

    /// <summary>NO_OPEN_SUPPORT, CACHE_SYMLINKS, NO_OPENDIR_SUPPORT, OVER_IO_URING.</summary>
    private const ulong NeverWanted = 1UL << 17 | 1UL << 23 | 1UL << 24 | 1UL << 41;

    [Fact]
    public async Task Linux_6_18_gets_exactly_the_flags_and_limits_that_are_wanted()
    {
        await using SessionUnderTest session = SessionUnderTest.Create(new HelloFileSystem());

        ScriptedReply reply = await session.Kernel.InitAsync(flags: KernelRequests.Offered618 | NeverWanted);

        Assert.Equal(0, reply.Error);
        Assert.Equal(64, reply.Payload.Length);
        Assert.Equal((7u, 45u), (reply.U32(0), reply.U32(4)));
        Assert.Equal(131072u, reply.U32(8));
        Assert.Equal(Wanted, reply.U32(12) | ((ulong)reply.U32(32) << 32));
        Assert.Equal(1024, U16(reply, 16));
        Assert.Equal(768, U16(reply, 18));
        Assert.Equal(4096u, reply.U32(20));
        Assert.Equal(1u, reply.U32(24));
        Assert.Equal(256, U16(reply, 28));
        Assert.Equal(1u, reply.U32(36));
        await session.Session.Ready.WaitAsync(ScriptedKernel.Patience);
        Assert.Equal(1 << 20, session.Session.Connection!.MaxRead);
    }

    [Fact]
    public async Task Linux_6_1_without_init_ext_gets_no_upper_flags_and_no_stack_depth()
    {
        await using SessionUnderTest session = SessionUnderTest.Create(new HelloFileSystem());

        // The upper half holds flags all the same: without INIT_EXT those bytes say nothing.
        ScriptedReply reply = await session.Kernel.InitAsync(minor: 37, flags: KernelRequests.Offered618 & ~InitExt);

        Assert.Equal((7u, 37u), (reply.U32(0), reply.U32(4)));
        Assert.Equal(Wanted & 0x3fffffff, reply.U32(12));
        Assert.Equal(0u, reply.U32(32));
        Assert.Equal(0u, reply.U32(36));
    }

    [Fact]
    public async Task A_kernel_that_sends_the_short_init_of_before_7_36_is_answered()
    {
        await using SessionUnderTest session = SessionUnderTest.Create(new HelloFileSystem());
        byte[] shortInit = KernelRequests.InitBody(7, 31, KernelRequests.Offered618)[..16];

        ScriptedReply reply = await session.Kernel.AskAsync(Opcode.Init, 0, shortInit);

        Assert.Equal((0, 31u), (reply.Error, reply.U32(4)));
        Assert.Equal(0u, reply.U32(32));
    }

    [Fact]
    public async Task A_kernel_that_offers_little_gets_no_more_than_it_offers()
    {
        await using SessionUnderTest session = SessionUnderTest.Create(new HelloFileSystem());

        ScriptedReply reply = await session.Kernel.InitAsync(flags: 1);

        Assert.Equal(1u, reply.U32(12));
        Assert.Equal(0, U16(reply, 28));
        await session.Session.Ready.WaitAsync(ScriptedKernel.Patience);
        Assert.Equal(32 * 4096, session.Session.Connection!.MaxRead);
    }

    [Fact]
    public async Task A_newer_major_version_is_told_ours_and_asked_to_repeat()
    {
        await using SessionUnderTest session = SessionUnderTest.Create(new HelloFileSystem());

        ScriptedReply first = await session.Kernel.InitAsync(major: 8, minor: 0);
        Assert.Equal((0, 7u), (first.Error, first.U32(0)));
        Assert.False(session.Session.Ready.IsCompleted);

        ScriptedReply second = await session.Kernel.InitAsync();
        Assert.Equal((0, 7u, 45u), (second.Error, second.U32(0), second.U32(4)));
        await session.Session.Ready.WaitAsync(ScriptedKernel.Patience);
        Assert.Equal(0, (await session.Kernel.GetAttrAsync(1)).Error);
    }

    [Theory]
    [InlineData(6, 45)]
    [InlineData(7, 30)]
    public async Task A_version_that_is_too_old_is_refused_and_said(uint major, uint minor)
    {
        await using SessionUnderTest session = SessionUnderTest.Create(new HelloFileSystem());

        ScriptedReply reply = await session.Kernel.InitAsync(major, minor);

        Assert.Equal((int)Errno.EPROTO, reply.Error);
        var failure = await Assert.ThrowsAsync<FuseMountException>(() => session.Session.Ready.WaitAsync(ScriptedKernel.Patience));
        Assert.Contains($"{major}.{minor}", failure.Message, StringComparison.Ordinal);
        Assert.Single(session.Log.Errors);
    }

    [Fact]
    public async Task A_truncated_init_is_refused_and_the_next_one_answered()
    {
        await using SessionUnderTest session = SessionUnderTest.Create(new HelloFileSystem());

        Assert.Equal((int)Errno.EIO, (await session.Kernel.AskAsync(Opcode.Init, 0, new byte[15])).Error);
        Assert.Equal(0, (await session.Kernel.InitAsync()).Error);
    }

    [Fact]
    public async Task A_connection_that_ends_before_init_fails_ready_and_completes()
    {
        SessionUnderTest session = SessionUnderTest.Create(new HelloFileSystem());
        await session.DisposeAsync();

        await Assert.ThrowsAsync<FuseMountException>(() => session.Session.Ready.WaitAsync(ScriptedKernel.Patience));
        await session.Session.Drained.WaitAsync(ScriptedKernel.Patience);
    }

    private static ushort U16(ScriptedReply reply, int at) => BinaryPrimitives.ReadUInt16LittleEndian(reply.Payload.AsSpan(at));
}
