namespace ModelFs.Cache.Objects;

/// <summary>Sees sequential readers of one object by their positions, whichever handle, process or mmap fault the reads come from.</summary>
/// <remarks>
/// A random reader costs exactly its blocks. A sequential one has as much fetched ahead as it has read in a row, and twice as much once that
/// is worth <see cref="SureRun"/>. Sixteen streams, the one used longest ago gives way. Guarded by the object's lock.
/// </remarks>
internal sealed class ReadAhead
{
    /// <summary>
    /// Sixteen requests side by side. No smaller where the origin is near: cut to what the time of a request asks for it was a fifth slower
    /// there. Requests do not advance alike, and what has arrived behind the slowest keeps the reader busy.
    /// </summary>
    public const int MaxWindow = 64 << 20;

    /// <summary>Each doubling costs a far origin's round trip; who has read so much in a row goes on, and spares one.</summary>
    private const int SureRun = 4 << 20;

    /// <summary>The kernel sends the reads of its own read-ahead (1 MiB) at once, and several threads take them: they come a little out of order, by two of their own size at most.</summary>
    private const long MaxSlack = 1 << 20;

    private const int Streams = 16;

    /// <summary>A stream that was not used for so many reads of the object does not count among those that share its window.</summary>
    private const int Idle = 4 * Streams;

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
                return new Hint(stream.Next, WindowOf(stream.Run), stream.Run, CountRunning());
            }

            if (stream.LastUse < streams[oldest].LastUse)
                oldest = i;
        }

        streams[oldest] = new Stream { Next = offset + count, LastUse = ++clock };
        return default;
    }

    private static int WindowOf(long run) =>
        run < CacheOptions.BlockSize ? 0 : (int)Math.Min(MaxWindow, run < SureRun ? run : 2 * run);

    private int CountRunning()
    {
        int count = 0;
        foreach (ref readonly var stream in streams.AsSpan())
        {
            if (stream.Run >= CacheOptions.BlockSize && clock - stream.LastUse < Idle)
                count++;
        }

        return count;
    }

    private struct Stream
    {
        public long Next;
        public long LastUse;
        public long Run;
    }

    /// <param name="Window">Bytes; 0 for a reader that looks random.</param>
    /// <param name="Run">0 for a first read.</param>
    /// <param name="Running">Streams that are read just now, and share what the object may have ahead.</param>
    public readonly record struct Hint(long Position, int Window, long Run, int Running);
}
