using System.Buffers;

namespace ModelFs.Fuse.Session;

/// <summary>Memory that is backed by a pooled buffer from its first use on, until <see cref="Release"/>. So a read that waits holds none.</summary>
internal sealed class LazyBuffer(BufferPool pool) : MemoryManager<byte>
{
    private readonly Lock gate = new();
    private nint buffer;
    private int length;
    private bool lent;

    /// <summary>Whether somebody has used the memory since it was lent.</summary>
    public bool IsBacked => Volatile.Read(ref buffer) != 0;

    public int Capacity => pool.BufferSize;

    /// <param name="size">At most the pool's buffer size.</param>
    public Memory<byte> Lend(int size)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(size, pool.BufferSize);
        length = size;
        lent = true;
        return CreateMemory(size);
    }

    public override unsafe Span<byte> GetSpan() => new((void*)Address(), length);

    public override unsafe MemoryHandle Pin(int elementIndex = 0) => new((byte*)Address() + elementIndex);

    public override void Unpin()
    {
    }

    public void Release()
    {
        lent = false;
        nint used = Interlocked.Exchange(ref buffer, 0);
        if (used != 0)
            pool.Return(used);
    }

    protected override void Dispose(bool disposing) => Release();

    /// <summary>Several threads may fill one read, so only one of them rents.</summary>
    private nint Address()
    {
        nint address = Volatile.Read(ref buffer);
        if (address != 0)
            return address;

        lock (gate)
        {
            // A handler that keeps the memory past its answer would write into another reader's bytes.
            if (!lent)
                throw new ObjectDisposedException(nameof(LazyBuffer), "the destination of a read is valid until its handler completes");

            if (buffer == 0)
                Volatile.Write(ref buffer, pool.Rent());
            return buffer;
        }
    }
}
