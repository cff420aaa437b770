using ModelFs.Fuse.Session;
using ModelFs.Testing.Kernel;

namespace ModelFs.Fuse.Tests.Session;

public sealed class BufferTests
{
    private readonly ScriptedFileSystem fileSystem = new();

    [Fact]
    public async Task A_thousand_waiting_reads_hold_no_buffer()
    {
        var gate = new TaskCompletionSource();
        fileSystem.OnRead = async (_, offset, destination) =>
        {
            await gate.Task;
            destination.Span[0] = (byte)offset;
            return 1;
        };
        await using SessionUnderTest session = await SessionUnderTest.StartAsync(fileSystem);

        Task<ScriptedReply>[] reads = [.. Enumerable.Range(0, 1000).Select(offset => session.Kernel.ReadAsync(2, 7, offset, 1 << 20))];
        await TestWait.UntilAsync(() => session.Session.Pending!.Count == 1000);
        Assert.Equal(0, session.Session.Buffers!.RentedCount);

        gate.SetResult();
        ScriptedReply[] replies = await Task.WhenAll(reads);
        Assert.Equal(Enumerable.Range(0, 1000).Select(offset => (byte)offset), replies.Select(reply => Assert.Single(reply.Payload)));
        await TestWait.UntilAsync(() => session.Session.Pending!.Count == 0);
        Assert.Equal(0, session.Session.Buffers!.RentedCount);
        Assert.InRange(session.Session.Buffers!.KeptCount, 1, BufferPool.MostKept);
    }

    [Fact]
    public void The_pool_keeps_a_few_buffers_and_frees_the_surplus()
    {
        using var pool = new BufferPool(4096);
        nint[] rented = [.. Enumerable.Range(0, 100).Select(_ => pool.Rent())];
        Assert.Equal(100, pool.RentedCount);
        Assert.All(rented, buffer => Assert.Equal(0, buffer % 4096));
        Assert.Equal(100, rented.Distinct().Count());

        foreach (nint buffer in rented)
            pool.Return(buffer);

        Assert.Equal((0, BufferPool.MostKept), (pool.RentedCount, pool.KeptCount));
    }

    [Fact]
    public void A_pool_that_is_disposed_keeps_nothing_that_comes_back()
    {
        var pool = new BufferPool(4096);
        nint late = pool.Rent();
        pool.Dispose();

        pool.Return(late);

        Assert.Equal((0, 0), (pool.RentedCount, pool.KeptCount));
    }

    [Fact]
    public async Task Many_threads_that_fill_one_read_share_one_buffer()
    {
        fileSystem.OnRead = async (_, _, destination) =>
        {
            await Task.WhenAll(Enumerable.Range(0, 16).Select(part => Task.Run(() => destination.Span.Slice(part * 64, 64).Fill((byte)part))));
            return destination.Length;
        };
        await using SessionUnderTest session = await SessionUnderTest.StartAsync(fileSystem);

        ScriptedReply reply = await session.Kernel.ReadAsync(2, 7, 0, 1024);

        Assert.Equal(Enumerable.Range(0, 1024).Select(at => (byte)(at / 64)), reply.Payload);
        Assert.InRange(session.Session.Buffers!.KeptCount + session.Session.Buffers!.RentedCount, 1, 1);
    }

    [Fact]
    public void Pinned_memory_is_the_memory_that_is_sent()
    {
        using var pool = new BufferPool(4096);
        var buffer = new LazyBuffer(pool);
        Memory<byte> memory = buffer.Lend(100);

        using (System.Buffers.MemoryHandle pin = memory[10..].Pin())
        {
            unsafe
            {
                *(byte*)pin.Pointer = 99;
            }
        }

        Assert.Equal(99, buffer.GetSpan()[10]);
        Assert.Equal(100, memory.Span.Length);
        buffer.Release();
        Assert.Equal(0, pool.RentedCount);
    }
}
