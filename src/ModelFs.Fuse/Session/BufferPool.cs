using System.Runtime.InteropServices;
using ModelFs.Fuse.Protocol;

namespace ModelFs.Fuse.Session;

/// <summary>Native, page-aligned buffers of one size. Rents as many as are asked for, keeps a few, frees the surplus.</summary>
internal sealed class BufferPool(int bufferSize) : IDisposable
{
    /// <summary>
    /// 16 MiB at the usual size. Served warm reads need one buffer a reader thread; beyond that only as many
    /// as replies are being filled at one instant, because a read that waits holds none.
    /// </summary>
    public const int MostKept = 16;

    private readonly Lock gate = new();
    private readonly nint[] kept = new nint[MostKept];
    private int keptCount;
    private int rentedCount;
    private bool disposed;

    public int BufferSize { get; } = bufferSize;

    public int RentedCount => Volatile.Read(ref rentedCount);

    public int KeptCount => Volatile.Read(ref keptCount);

    public unsafe nint Rent()
    {
        lock (gate)
        {
            rentedCount++;
            if (keptCount > 0)
                return kept[--keptCount];
        }

        return (nint)NativeMemory.AlignedAlloc((nuint)BufferSize, Handshake.PageSize);
    }

    public unsafe void Return(nint buffer)
    {
        lock (gate)
        {
            rentedCount--;
            if (keptCount < MostKept && !disposed)
            {
                kept[keptCount++] = buffer;
                return;
            }
        }

        NativeMemory.AlignedFree((void*)buffer);
    }

    /// <summary>Frees what is kept. What is still rented is freed as it comes back.</summary>
    public unsafe void Dispose()
    {
        lock (gate)
        {
            disposed = true;
            while (keptCount > 0)
                NativeMemory.AlignedFree((void*)kept[--keptCount]);
        }
    }
}
