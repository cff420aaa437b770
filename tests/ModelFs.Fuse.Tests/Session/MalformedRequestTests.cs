using System.Buffers.Binary;
using FsCheck;
using FsCheck.Fluent;
using ModelFs.Testing.Kernel;

namespace ModelFs.Fuse.Tests.Session;

public sealed class MalformedRequestTests
{
    /// <summary>Opcode, and how long its body has to be at least (with an empty name where it has one).</summary>
    public static TheoryData<Opcode, int> Bodies => new()
    {
        { Opcode.Lookup, 1 },
        { Opcode.GetAttr, 16 },
        { Opcode.StatX, 24 },
        { Opcode.Open, 8 },
        { Opcode.OpenDir, 8 },
        { Opcode.Read, 40 },
        { Opcode.ReadDir, 40 },
        { Opcode.ReadDirPlus, 40 },
        { Opcode.Release, 24 },
        { Opcode.ReleaseDir, 24 },
        { Opcode.GetXAttr, 9 },
        { Opcode.ListXAttr, 8 },
        { Opcode.LSeek, 24 },
        { Opcode.Access, 8 },
        { Opcode.Interrupt, 8 },
    };

    private readonly ScriptedFileSystem fileSystem = new();

    [Theory]
    [MemberData(nameof(Bodies))]
    public async Task A_truncated_request_is_einval_and_the_session_goes_on(Opcode opcode, int needed)
    {
        await using SessionUnderTest session = await SessionUnderTest.StartAsync(fileSystem);

        for (int length = 0; length < needed; length++)
            Assert.Equal((int)Errno.EINVAL, (await session.Kernel.AskAsync(opcode, 2, new byte[length])).Error);

        Assert.Equal(0, (await session.Kernel.GetAttrAsync(2)).Error);
    }

    [Theory]
    [InlineData(Opcode.Lookup, "name")]
    [InlineData(Opcode.Lookup, "\0")]
    [InlineData(Opcode.GetXAttr, "\x10\0\0\0\0\0\0\0user.x")]
    public async Task A_name_without_a_terminator_or_of_no_length_is_einval(Opcode opcode, string body)
    {
        await using SessionUnderTest session = await SessionUnderTest.StartAsync(fileSystem);

        Assert.Equal((int)Errno.EINVAL, (await session.Kernel.AskAsync(opcode, 2, System.Text.Encoding.Latin1.GetBytes(body))).Error);
    }

    [Theory]
    [InlineData(0u)]
    [InlineData(39u)]
    [InlineData(55u)]
    [InlineData(uint.MaxValue)]
    public async Task A_length_that_is_not_the_requests_is_einval(uint length)
    {
        await using SessionUnderTest session = await SessionUnderTest.StartAsync(fileSystem);
        byte[] message = ScriptedKernel.Message(Opcode.GetAttr, 2, 0, new byte[16]);
        BinaryPrimitives.WriteUInt32LittleEndian(message, length);

        Assert.Equal((int)Errno.EINVAL, (await session.Kernel.ReplyAsync(session.Kernel.SendRaw(message))).Error);
    }

    [Fact]
    public async Task Bytes_too_few_for_a_header_are_dropped_with_a_line_in_the_log()
    {
        await using SessionUnderTest session = await SessionUnderTest.StartAsync(fileSystem, new FuseMountOptions { ReaderThreads = 1 });

        session.Kernel.Post(new byte[39]);

        Assert.Equal(0, (await session.Kernel.GetAttrAsync(2)).Error);
        Assert.Contains(session.Log.Lines, line => line.Text.Contains("39 bytes", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(uint.MaxValue, 0UL)]
    [InlineData((1u << 20) + 1, 0UL)]
    [InlineData(4096u, (ulong)long.MaxValue + 1)]
    public async Task A_read_beyond_what_was_agreed_is_einval(uint size, ulong offset)
    {
        await using SessionUnderTest session = await SessionUnderTest.StartAsync(fileSystem);

        Assert.Equal((int)Errno.EINVAL, (await session.Kernel.AskAsync(Opcode.Read, 2, KernelRequests.ReadBody(7, offset, size))).Error);
    }

    [Fact]
    public async Task A_batch_forget_that_promises_more_than_it_holds_forgets_nothing()
    {
        await using SessionUnderTest session = await SessionUnderTest.StartAsync(fileSystem, new FuseMountOptions { ReaderThreads = 1 });

        session.Kernel.Post(Opcode.BatchForget, 0, new RequestBody().U32(2).U32(0).U64(9).U64(1).ToArray());
        session.Kernel.Post(Opcode.Forget, 9, new byte[7]);

        Assert.Equal(0, (await session.Kernel.GetAttrAsync(2)).Error);
        Assert.Empty(fileSystem.Forgotten);
    }

    [Fact]
    public async Task A_unique_that_is_pending_already_is_not_handled_twice()
    {
        var gate = new TaskCompletionSource<FuseResult<FuseAttributesReply>>();
        int calls = 0;
        fileSystem.OnGetAttributes = (_, _) =>
        {
            Interlocked.Increment(ref calls);
            return new(gate.Task);
        };
        await using SessionUnderTest session = await SessionUnderTest.StartAsync(fileSystem, new FuseMountOptions { ReaderThreads = 1 });

        ulong unique = session.Kernel.Send(Opcode.GetAttr, 2, new byte[16]);
        session.Kernel.Post(ScriptedKernel.Message(Opcode.GetAttr, 2, unique, new byte[16]));
        ScriptedReply reply = await session.Kernel.ReplyAsync(unique);
        gate.SetResult(new FuseAttributesReply(ScriptedFileSystem.File, TimeSpan.Zero));
        session.ExpectedStrayReplies = 1;

        Assert.Equal((int)Errno.EINVAL, reply.Error);
        Assert.Equal(1, calls);
        await TestWait.UntilAsync(() => session.Kernel.StrayReplies == 1);
    }

    [Fact]
    public async Task Random_bodies_of_any_opcode_are_all_answered_and_never_end_the_session()
    {
        await using SessionUnderTest session = await SessionUnderTest.StartAsync(fileSystem);
        var unanswered = new HashSet<uint> { (uint)Opcode.Forget, (uint)Opcode.BatchForget };
        Gen<(uint, byte[])> requests = Gen.Choose(0, 60).SelectMany(opcode => ArbMap.Default.GeneratorFor<byte[]>().Select(body => ((uint)opcode, body)));

        Prop.ForAll(requests.ToArbitrary(), request =>
        {
            if (unanswered.Contains(request.Item1))
                session.Kernel.Post((Opcode)request.Item1, 2, request.Item2);
            else
                Assert.InRange(session.Kernel.AskAsync((Opcode)request.Item1, 2, request.Item2).GetAwaiter().GetResult().Error, 0, 511);
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(2000));

        Assert.Equal(0, (await session.Kernel.GetAttrAsync(2)).Error);
        Assert.False(session.Session.Completion.IsCompleted);
    }

    [Fact]
    public async Task Random_messages_never_end_the_session()
    {
        SessionUnderTest session = await SessionUnderTest.StartAsync(fileSystem);

        Prop.ForAll(Gen.Choose(0, 255).Select(value => (byte)value).ArrayOf().ToArbitrary(), message => { session.Kernel.Post([.. message, 1]); })
            .Check(Config.QuickThrowOnFailure.WithMaxTest(2000));

        Assert.Equal(0, (await session.Kernel.GetAttrAsync(2)).Error);
        session.Kernel.Unmount();
        await session.Session.Completion.WaitAsync(ScriptedKernel.Patience);
        Assert.Empty(session.Kernel.Refusals);
    }
}
