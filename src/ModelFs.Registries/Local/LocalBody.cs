using Microsoft.Win32.SafeHandles;

namespace ModelFs.Registries.Local;

/// <summary>
/// A piece of a local file, read on threads that may block. Reading ends with an <see cref="IOException"/> when the file has become shorter,
/// was changed, or gives nothing for the stall timeout.
/// </summary>
internal sealed class LocalBody(
    SafeFileHandle file, DateTime? modified, long offset, long due, BlockingThreads threads, TimeSpan stallTimeout, TimeProvider time, Action<int> received) : ForwardStream
{
    /// <summary>As much as the cache asks for at once: a block.</summary>
    private const int MostAtOnce = 256 << 10;

    [ThreadStatic]
    private static byte[]? scratch;

    private long position;

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var wanted = (int)Math.Min(Math.Min(buffer.Length, MostAtOnce), due - position);
        if (wanted == 0) return 0;
        var destination = new Destination(buffer[..wanted]);
        using var stop = new CancellationTokenSource(stallTimeout, time);
        using var registration = cancellationToken.UnsafeRegister(static source => ((CancellationTokenSource)source!).Cancel(), stop);
        int count;
        try
        {
            var from = offset + position;
            count = await threads.RunAsync(() => Read(destination, wanted, from), stop.Token);
        }
        catch (OperationCanceledException)
        {
            destination.Leave();
            cancellationToken.ThrowIfCancellationRequested();
            throw new IOException($"The file gave nothing for {stallTimeout.TotalSeconds:0.###} s after byte {offset + position}.");
        }

        if (count == 0) throw new IOException($"The file ended after {offset + position} of {offset + due} bytes.");
        position += count;
        received(count);
        return count;
    }

    protected override void Dispose(bool disposing)
    {
        // Closing waits for the server too.
        if (disposing) threads.Post(file.Dispose);
        base.Dispose(disposing);
    }

    private int Read(Destination destination, int wanted, long from)
    {
        var bytes = scratch ??= GC.AllocateUninitializedArray<byte>(MostAtOnce);
        var count = RandomAccess.Read(file, bytes.AsSpan(0, wanted), from);
        if (LocalFiles.ModifiedOf(file) != modified) throw new IOException("The file was changed while it was read.");
        destination.Fill(bytes.AsSpan(0, count));
        return count;
    }

    /// <summary>A reader's memory, for as long as it waits: a system call that comes back later finds it given to somebody else.</summary>
    private sealed class Destination(Memory<byte> memory)
    {
        private readonly Lock gate = new();
        private bool isLeft;

        public void Fill(ReadOnlySpan<byte> bytes)
        {
            lock (gate)
            {
                if (!isLeft) bytes.CopyTo(memory.Span);
            }
        }

        public void Leave()
        {
            lock (gate) isLeft = true;
        }
    }
}
