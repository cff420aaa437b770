using ModelFs.Testing.Kernel;

namespace ModelFs.Fuse.Tests.Session;

public sealed class DeadlineTests
{
    private readonly ScriptedFileSystem fileSystem = new();
    private readonly MovableClock clock = new();

    [Fact]
    public async Task A_request_that_is_pending_past_its_deadline_gets_eio_and_one_log_line()
    {
        var gate = new TaskCompletionSource<FuseResult<int>>();
        CancellationToken cancelled = default;
        fileSystem.OnRead = (request, _, _) =>
        {
            cancelled = request.Cancelled;
            return new(gate.Task);
        };
        await using SessionUnderTest session = await SessionUnderTest.StartAsync(fileSystem, time: clock);

        ulong unique = session.Kernel.Send(Opcode.Read, 2, KernelRequests.ReadBody(7, 0, 4096));
        await TestWait.UntilAsync(() => session.Session.Pending!.Count == 1);
        clock.Advance(TimeSpan.FromSeconds(61));
        ScriptedReply reply = await session.Kernel.ReplyAsync(unique);

        Assert.Equal((int)Errno.EIO, reply.Error);
        await TestWait.UntilAsync(() => cancelled.IsCancellationRequested);
        await TestWait.UntilAsync(() => session.Log.Errors.Any());
        string line = Assert.Single(session.Log.Errors);
        Assert.Contains("Read of node 2", line, StringComparison.Ordinal);
        Assert.Contains("00:01:01", line, StringComparison.Ordinal);

        gate.SetResult(0);
        await TestWait.UntilAsync(() => session.Session.Pending!.Count == 0);
        Assert.Equal(0, session.Kernel.StrayReplies);
    }

    [Fact]
    public async Task A_request_within_its_deadline_is_left_alone()
    {
        var gate = new TaskCompletionSource<FuseResult<int>>();
        fileSystem.OnRead = (_, _, _) => new(gate.Task);
        await using SessionUnderTest session = await SessionUnderTest.StartAsync(fileSystem, time: clock);

        ulong old = session.Kernel.Send(Opcode.Read, 2, KernelRequests.ReadBody(7, 0, 4096));
        await TestWait.UntilAsync(() => session.Session.Pending!.Count == 1);
        clock.Advance(TimeSpan.FromSeconds(30));
        ulong young = session.Kernel.Send(Opcode.Read, 2, KernelRequests.ReadBody(7, 0, 4096));
        await TestWait.UntilAsync(() => session.Session.Pending!.Count == 2);
        clock.Advance(TimeSpan.FromSeconds(40));

        Assert.Equal((int)Errno.EIO, (await session.Kernel.ReplyAsync(old)).Error);
        gate.SetResult(0);
        Assert.Equal(0, (await session.Kernel.ReplyAsync(young)).Error);
    }

    [Fact]
    public async Task A_handler_that_blocks_its_thread_still_meets_the_deadline()
    {
        using var gate = new ManualResetEventSlim();
        fileSystem.OnGetAttributes = (_, _) =>
        {
            gate.Wait();
            return new(Errno.EACCES);
        };
        await using SessionUnderTest session = await SessionUnderTest.StartAsync(fileSystem, new FuseMountOptions { RequestDeadline = TimeSpan.FromMilliseconds(50) });

        Assert.Equal((int)Errno.EIO, (await session.Kernel.GetAttrAsync(2)).Error);
        gate.Set();
        await TestWait.UntilAsync(() => session.Session.Pending!.Count == 0);
        Assert.Equal(0, session.Kernel.StrayReplies);
    }

    [Fact]
    public async Task What_a_late_handler_counted_or_opened_is_given_back()
    {
        var lookup = new TaskCompletionSource<FuseResult<FuseEntry>>();
        var open = new TaskCompletionSource<FuseResult<FuseOpen>>();
        var openDirectory = new TaskCompletionSource<FuseResult<FuseOpen>>();
        var list = new TaskCompletionSource<FuseResult<Unit>>();
        var entry = new FuseEntry(5, ScriptedFileSystem.File, TimeSpan.Zero, TimeSpan.Zero);
        fileSystem.OnLookup = (_, _, _) => new(lookup.Task);
        fileSystem.OnOpen = (_, _) => new(open.Task);
        fileSystem.OnOpenDirectory = (_, _) => new(openDirectory.Task);
        fileSystem.OnReadDirectory = (_, _, writer) =>
        {
            writer.TryAdd("."u8, entry with { NodeId = 1 }, 1);
            writer.TryAdd("a"u8, entry with { NodeId = 6 }, 2);
            writer.TryAdd("b"u8, 42, FuseFileType.Regular, 3);
            return new(list.Task);
        };
        await using SessionUnderTest session = await SessionUnderTest.StartAsync(fileSystem, new FuseMountOptions { RequestDeadline = TimeSpan.FromMilliseconds(50) });

        ScriptedReply[] replies = await Task.WhenAll(
            session.Kernel.LookupAsync(1, "x"), session.Kernel.OpenAsync(2), session.Kernel.OpenDirAsync(1), session.Kernel.ReadDirAsync(1, 8, 0, 4096, plus: true));
        Assert.All(replies, reply => Assert.Equal((int)Errno.EIO, reply.Error));
        Assert.Empty(fileSystem.Forgotten);

        lookup.SetResult(entry);
        open.SetResult(new FuseOpen(71, FuseOpenFlags.None));
        openDirectory.SetResult(new FuseOpen(72, FuseOpenFlags.None));
        list.SetResult(default(Unit));
        await TestWait.UntilAsync(() => session.Session.Pending!.Count == 0);

        Assert.Equal([(5UL, 1UL), (6UL, 1UL)], fileSystem.Forgotten.Order());
        Assert.Equal([(2UL, 71UL)], fileSystem.Released);
        Assert.Equal([(1UL, 72UL)], fileSystem.ReleasedDirectories);
    }

    [Fact]
    public async Task What_a_killed_caller_will_not_release_is_given_back()
    {
        var open = new TaskCompletionSource<FuseResult<FuseOpen>>();
        fileSystem.OnOpen = (_, _) => new(open.Task);
        await using SessionUnderTest session = await SessionUnderTest.StartAsync(fileSystem);

        ulong unique = session.Kernel.Send(Opcode.Open, 2, KernelRequests.OpenBody());
        await TestWait.UntilAsync(() => session.Session.Pending!.Count == 1);
        session.Kernel.Abandon(unique);
        session.ExpectedStrayReplies = 1;
        open.SetResult(new FuseOpen(73, FuseOpenFlags.None));

        await TestWait.UntilAsync(() => fileSystem.Released.Contains((2UL, 73UL)));
    }

    private sealed class MovableClock : TimeProvider
    {
        private long ticks;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => Volatile.Read(ref ticks);

        public void Advance(TimeSpan by) => Interlocked.Add(ref ticks, by.Ticks);
    }
}
