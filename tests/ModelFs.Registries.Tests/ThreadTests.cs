using ModelFs.Registries.Http;

namespace ModelFs.Registries.Tests;

/// <summary>Who goes on where the sockets are read: bytes on their way to the cache, and nobody else.</summary>
public sealed class ThreadTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    [Fact]
    public async Task An_answer_is_taken_apart_on_the_pool_whoever_brings_it()
    {
        var pieces = new Handed();
        var body = new BoundedStream(pieces, 100);
        var read = body.ReadAsync(new byte[10]).AsTask();
        var end = read.ContinueWith(
            static _ => Thread.CurrentThread.IsThreadPoolThread, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        new Thread(() => pieces.Piece.SetResult(3)).Start();
        Assert.True(await end);
        Assert.Equal(3, await read);
    }

    [Fact]
    public async Task A_sender_that_is_faster_than_we_are_leaves_the_others_their_turn()
    {
        await using var body = new BodyStream(new HttpResponseMessage(), new Endless(), due: null, Patience, TimeProvider.System, static _ => { });
        var moved = new TaskCompletionSource<bool>();
        new Thread(() => _ = DrainAsync()).Start();
        Assert.True(await moved.Task);

        async Task DrainAsync()
        {
            var buffer = new byte[1 << 20];
            long read = 0;
            while (read < 1L << 30 && !Thread.CurrentThread.IsThreadPoolThread)
                read += await body.ReadAsync(buffer).ConfigureAwait(false);
            moved.SetResult(Thread.CurrentThread.IsThreadPoolThread);
        }
    }

    private sealed class Endless : ForwardStream
    {
        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => new(buffer.Length);
    }

    /// <summary>Its read ends on the thread that says so.</summary>
    private sealed class Handed : ForwardStream
    {
        public TaskCompletionSource<int> Piece { get; } = new();

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => new(Piece.Task);
    }
}
