using ModelFs.Testing.Kernel;

namespace ModelFs.Fuse.Tests.Session;

public sealed class HandlerFaultTests
{
    private readonly ScriptedFileSystem fileSystem = new();

    [Fact]
    public async Task A_handler_that_throws_at_once_is_eio_logged_once_and_the_session_lives()
    {
        fileSystem.OnGetAttributes = (_, node) => node == 2 ? throw new InvalidOperationException("broken") : new(Errno.EACCES);
        await using SessionUnderTest session = await SessionUnderTest.StartAsync(fileSystem);

        Assert.Equal((int)Errno.EIO, (await session.Kernel.GetAttrAsync(2)).Error);
        Assert.Equal((int)Errno.EACCES, (await session.Kernel.GetAttrAsync(3)).Error);
        Assert.Contains("GetAttr of node 2", Assert.Single(session.Log.Errors), StringComparison.Ordinal);
        Assert.Equal(0, session.Session.Pending!.Count);
    }

    [Fact]
    public async Task A_handler_that_throws_later_is_eio_logged_once_and_the_session_lives()
    {
        fileSystem.OnGetAttributes = async (_, _) =>
        {
            await Task.Yield();
            throw new InvalidOperationException("broken");
        };
        await using SessionUnderTest session = await SessionUnderTest.StartAsync(fileSystem);

        Assert.Equal((int)Errno.EIO, (await session.Kernel.GetAttrAsync(2)).Error);
        Assert.Equal((int)Errno.EIO, (await session.Kernel.GetAttrAsync(2)).Error);
        Assert.Equal(2, session.Log.Errors.Count());
    }

    [Fact]
    public async Task A_handler_that_cancels_itself_uninterrupted_is_eio_and_logged()
    {
        fileSystem.OnGetAttributes = (_, _) => throw new OperationCanceledException();
        await using SessionUnderTest session = await SessionUnderTest.StartAsync(fileSystem);

        Assert.Equal((int)Errno.EIO, (await session.Kernel.GetAttrAsync(2)).Error);
        Assert.Single(session.Log.Errors);
    }

    [Fact]
    public async Task A_forget_that_throws_is_logged_and_the_session_lives()
    {
        fileSystem.OnForget = () => throw new InvalidOperationException("broken");
        await using SessionUnderTest session = await SessionUnderTest.StartAsync(fileSystem, new FuseMountOptions { ReaderThreads = 1 });

        session.Kernel.Forget(2, 1);

        Assert.Equal(0, (await session.Kernel.GetAttrAsync(2)).Error);
        Assert.Single(session.Log.Errors);
    }

    [Theory]
    [InlineData(-1, true)]
    [InlineData(4097, true)]
    [InlineData(1, false)]
    public async Task A_read_that_says_more_than_it_wrote_is_eio_and_shows_no_memory(int count, bool writes)
    {
        fileSystem.OnRead = (_, _, destination) =>
        {
            if (writes)
                destination.Span[0] = 1;
            return new(count);
        };
        await using SessionUnderTest session = await SessionUnderTest.StartAsync(fileSystem);

        Assert.Equal((int)Errno.EIO, (await session.Kernel.ReadAsync(2, 7, 0, 4096)).Error);
        Assert.Single(session.Log.Errors);
    }

    [Fact]
    public async Task A_destination_that_is_used_after_its_answer_throws_instead_of_writing_into_another_read()
    {
        Memory<byte> kept = default;
        fileSystem.OnRead = (_, _, destination) =>
        {
            kept = destination;
            return new(0);
        };
        await using SessionUnderTest session = await SessionUnderTest.StartAsync(fileSystem);
        await session.Kernel.ReadAsync(2, 7, 0, 4096);
        await TestWait.UntilAsync(() => session.Session.Pending!.Count == 0);

        Assert.Throws<ObjectDisposedException>(() => kept.Span[0] = 1);
    }

    [Fact]
    public async Task A_reply_that_the_kernel_refuses_is_followed_by_eio()
    {
        await using SessionUnderTest session = await SessionUnderTest.StartAsync(fileSystem);
        ulong refused = 0;
        session.Kernel.RefuseReply = unique => Interlocked.Exchange(ref refused, unique) == unique ? Errno.None : Errno.EINVAL;

        Assert.Equal((int)Errno.EIO, (await session.Kernel.GetAttrAsync(2)).Error);
        Assert.Contains("refuses", Assert.Single(session.Log.Errors), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_device_that_fails_ends_the_session_with_a_log_line()
    {
        SessionUnderTest session = await SessionUnderTest.StartAsync(fileSystem, new FuseMountOptions { ReaderThreads = 1 });

        session.Kernel.FailRead();

        await session.Session.Completion.WaitAsync(ScriptedKernel.Patience);
        Assert.Contains("the script said so", Assert.Single(session.Log.Errors), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Requests_answered_from_many_threads_at_once_are_each_answered_once()
    {
        fileSystem.OnRead = async (_, offset, destination) =>
        {
            if (offset % 3 == 0)
                await Task.Yield();
            if (offset % 7 == 0)
                await Task.Delay(1);
            BitConverter.TryWriteBytes(destination.Span, offset);
            return 8;
        };
        await using SessionUnderTest session = await SessionUnderTest.StartAsync(fileSystem, new FuseMountOptions { ReaderThreads = 4 });

        ScriptedReply[] replies = await Task.WhenAll(Enumerable.Range(0, 2000).Select(offset => session.Kernel.ReadAsync(2, 7, offset, 64)));

        Assert.Equal(Enumerable.Range(0, 2000), replies.Select(reply => (int)reply.U64(0)));
    }
}
