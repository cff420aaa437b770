namespace ModelFs.Cache.Objects;

/// <summary>Sees sequential readers of one object by their positions, whichever handle, process or mmap fault the reads come from.</summary>
/// <remarks>
/// Never more is fetched ahead than has been read in a row, so a random reader costs exactly its blocks and a sequential one at most doubles.
/// Sixteen streams, the one used longest ago gives way. Guarded by the object's lock.
/// </remarks>
internal sealed class ReadAhead
{
    /// <summary>At 20 ms of latency it keeps 1.6 GB/s on their way.</summary>
    public const int MaxWindow = 32 << 20;

    /// <summary>The kernel sends the reads of its own read-ahead (1 MiB) at once, and several threads take them: they come a little out of order, by two of their own size at most.</summary>
    private const long MaxSlack = 1 << 20;

    private const int Streams = 16;

    private readonly Stream[] streams = new Stream[Streams];
    private long clock;

    /// <summary>Takes note of a read.</summary>
    /// <remarks>The first read of a stream counts for nothing, nor does reading the same place again: only what goes on.</remarks>
    /// <returns>The bytes worth fetching after <see cref="Hint.Position"/>, and how many were read in a row so far.</returns>
    public Hint Observe(long offset, int count)
    {
        int oldest = 0;
        long slack = Math.Min(MaxSlack, 2L * count);
        for (int i = 0; i < Streams; i++)
        {
            ref var stream = ref streams[i];
            if (stream.LastUse > 0 && Math.Abs(offset - stream.Next) <= slack)
            {
                long next = Math.Max(stream.Next, offset + count);
                stream.LastUse = ++clock;
                stream.Run += Math.Min(count, next - stream.Next);
                stream.Next = next;
                return new Hint(stream.Next, WindowOf(stream.Run), stream.Run);
            }

            if (stream.LastUse < streams[oldest].LastUse)
                oldest = i;
        }

        streams[oldest] = new Stream { Next = offset + count, LastUse = ++clock };
        return default;
    }

    /// <summary>Nothing below a block; from there on the run, rounded down to a power of two.</summary>
    private static int WindowOf(long run) =>
        run < CacheOptions.BlockSize ? 0 : run >= MaxWindow ? MaxWindow : 1 << (31 - int.LeadingZeroCount((int)run));

    private struct Stream
    {
        public long Next;
        public long LastUse;
        public long Run;
    }

    /// <param name="Window">Bytes; 0 for a reader that looks random.</param>
    /// <param name="Run">0 for a first read.</param>
    public readonly record struct Hint(long Position, int Window, long Run);
}
