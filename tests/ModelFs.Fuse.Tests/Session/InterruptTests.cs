using ModelFs.Testing.Kernel;

namespace ModelFs.Fuse.Tests.Session;

public sealed class InterruptTests
{
    private readonly ScriptedFileSystem fileSystem = new();

    [Fact]
    public async Task An_interrupted_request_whose_handler_stops_is_eintr()
    {
        fileSystem.OnRead = (request, _, _) => WaitAsync(request);
        await using SessionUnderTest session = await SessionUnderTest.StartAsync(fileSystem);

        ulong unique = session.Kernel.Send(Opcode.Read, 2, KernelRequests.ReadBody(7, 0, 4096));
        await TestWait.UntilAsync(() => session.Session.Pending!.Count == 1);
        session.Kernel.Interrupt(unique);

        Assert.Equal((int)Errno.EINTR, (await session.Kernel.ReplyAsync(unique)).Error);
        Assert.Empty(session.Log.Errors);
    }

    [Fact]
    public async Task A_handler_that_ignores_the_interrupt_answers_what_it_has()
    {
        var gate = new TaskCompletionSource<FuseResult<FuseAttributesReply>>();
        fileSystem.OnGetAttributes = (_, _) => new(gate.Task);
        await using SessionUnderTest session = await SessionUnderTest.StartAsync(fileSystem);

        ulong unique = session.Kernel.Send(Opcode.GetAttr, 2, new byte[16]);
        await TestWait.UntilAsync(() => session.Session.Pending!.Count == 1);
        session.Kernel.Interrupt(unique);
        gate.SetResult(new FuseAttributesReply(ScriptedFileSystem.File, TimeSpan.Zero));

        Assert.Equal(0, (await session.Kernel.ReplyAsync(unique)).Error);
    }

    [Fact]
    public async Task An_interrupt_of_what_is_not_known_asks_to_be_repeated()
    {
        await using SessionUnderTest session = await SessionUnderTest.StartAsync(fileSystem);
        ulong answered = session.Kernel.Send(Opcode.GetAttr, 2, new byte[16]);
        await session.Kernel.ReplyAsync(answered);

        // The kernel drops this when the request is answered, and repeats the INTERRUPT when another thread just read it.
        Assert.Equal((int)Errno.EAGAIN, (await session.Kernel.ReplyAsync(session.Kernel.Interrupt(answered))).Error);
        Assert.Equal((int)Errno.EAGAIN, (await session.Kernel.ReplyAsync(session.Kernel.Interrupt(987654))).Error);
    }

    [Fact]
    public async Task An_interrupt_reaches_a_handler_that_still_blocks_its_thread()
    {
        fileSystem.OnGetAttributes = (request, _) =>
        {
            request.Cancelled.WaitHandle.WaitOne(ScriptedKernel.Patience);
            request.Cancelled.ThrowIfCancellationRequested();
            return new(Errno.EACCES);
        };
        await using SessionUnderTest session = await SessionUnderTest.StartAsync(fileSystem, new FuseMountOptions { ReaderThreads = 2 });

        ulong unique = session.Kernel.Send(Opcode.GetAttr, 2, new byte[16]);
        await TestWait.UntilAsync(() => session.Session.Pending!.Count == 1);
        session.Kernel.Interrupt(unique);

        Assert.Equal((int)Errno.EINTR, (await session.Kernel.ReplyAsync(unique)).Error);
    }

    [Fact]
    public async Task A_request_that_reuses_a_cancelled_ones_object_is_not_cancelled()
    {
        bool wait = true;
        fileSystem.OnRead = (request, _, _) => wait ? WaitAsync(request) : new(request.Cancelled.IsCancellationRequested ? Errno.EINTR : 0);
        await using SessionUnderTest session = await SessionUnderTest.StartAsync(fileSystem, new FuseMountOptions { ReaderThreads = 1 });
        ulong unique = session.Kernel.Send(Opcode.Read, 2, KernelRequests.ReadBody(7, 0, 4096));
        await TestWait.UntilAsync(() => session.Session.Pending!.Count == 1);
        session.Kernel.Interrupt(unique);
        await session.Kernel.ReplyAsync(unique);
        await TestWait.UntilAsync(() => session.Session.Pending!.Count == 0);

        wait = false;
        Assert.Equal(0, (await session.Kernel.ReadAsync(2, 7, 0, 4096)).Error);
    }

    [Fact]
    public async Task The_end_of_the_session_cancels_every_handler_and_waits_for_them()
    {
        fileSystem.OnRead = (request, _, _) => WaitAsync(request);
        SessionUnderTest session = await SessionUnderTest.StartAsync(fileSystem);
        for (int count = 0; count < 10; count++)
            session.Kernel.Send(Opcode.Read, 2, KernelRequests.ReadBody(7, 0, 4096));
        await TestWait.UntilAsync(() => session.Session.Pending!.Count == 10);

        await session.DisposeAsync();

        await session.Session.Drained.WaitAsync(ScriptedKernel.Patience);
        Assert.Equal(0, session.Session.Pending!.Count);
        Assert.Empty(session.Log.Errors);
    }

    private static async ValueTask<FuseResult<int>> WaitAsync(FuseRequest request)
    {
        await Task.Delay(Timeout.Infinite, request.Cancelled);
        return 0;
    }
}
