using System.Collections.Concurrent;

namespace ModelFs.Cache.Crash;

/// <summary>An origin in this process that can misbehave in every way that an origin does.</summary>
public sealed class TestSource(byte[] content) : IObjectSource
{
    private long bytes;
    private int open;
    private int mostOpen;

    /// <summary>What was asked for, in order.</summary>
    public ConcurrentQueue<(long Offset, long Length)> Requests { get; } = new();

    /// <summary>Bytes handed out.</summary>
    public long Bytes => Volatile.Read(ref bytes);

    /// <summary>The most bodies that were open at once.</summary>
    public int MostOpen => Volatile.Read(ref mostOpen);

    /// <summary>False: answers every request from byte 0 to the end.</summary>
    public bool HasRanges { get; set; } = true;

    public long? TotalLength { get; set; }

    /// <summary>How much of the content there is; more than all of it: zeros follow.</summary>
    public long? BodyEnd { get; set; }

    /// <summary>Added to the offset that the answer claims.</summary>
    public long OffsetError { get; set; }

    /// <summary>The most that one read of a body returns.</summary>
    public int ChunkSize { get; set; } = 64 * 1024;

    /// <summary>Called before each request; throws, waits or does nothing. The argument counts from 1.</summary>
    public Func<int, Task>? OnOpen { get; set; }

    /// <summary>Called before each chunk with its position in the object; throws, waits or does nothing.</summary>
    public Func<long, Task>? OnRead { get; set; }

    public async ValueTask<SourceStream> OpenAsync(long offset, long length, CancellationToken cancellation)
    {
        Requests.Enqueue((offset, length));
        int number = Requests.Count;
        if (OnOpen is not null)
            await OnOpen(number).WaitAsync(cancellation);
        long end = BodyEnd ?? content.Length;
        long from = HasRanges ? offset : 0;
        if (HasRanges && length < content.Length - offset)
            end = Math.Min(end, offset + length);
        int now = Interlocked.Increment(ref open);
        for (int seen = mostOpen; now > seen; seen = mostOpen)
            Interlocked.CompareExchange(ref mostOpen, now, seen);
        return new SourceStream(new Body(this, from, end), from + OffsetError, TotalLength);
    }

    private sealed class Body(TestSource source, long position, long end) : Stream
    {
        private readonly byte[] content = source.Content;

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            if (source.OnRead is { } onRead)
                await onRead(position).WaitAsync(cancellationToken);
            int count = (int)Math.Min(Math.Min(buffer.Length, source.ChunkSize), end - position);
            if (count <= 0)
                return 0;
            int real = (int)Math.Clamp(content.Length - position, 0, count);
            content.AsMemory((int)Math.Min(position, content.Length), real).CopyTo(buffer);
            buffer.Span[real..count].Clear();
            position += count;
            Interlocked.Add(ref source.bytes, count);
            return count;
        }

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override void Flush() => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        protected override void Dispose(bool disposing)
        {
            if (disposing)
                Interlocked.Decrement(ref source.open);
            base.Dispose(disposing);
        }
    }

    private byte[] Content => content;
}
