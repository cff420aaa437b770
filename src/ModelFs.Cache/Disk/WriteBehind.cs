namespace ModelFs.Cache.Disk;

/// <summary>Keeps what is written to one file out of the page cache where the kernel does not do that itself.</summary>
/// <remarks>Each range is handed to the disk at once, and dropped when so much more was written that it will have got there.</remarks>
internal sealed class WriteBehind(int fd)
{
    /// <summary>8 MiB of blocks: a disk that takes 500 MB/s has written the first of them when the last comes.</summary>
    private const int Ranges = 32;

    private readonly Lock gate = new();
    private readonly Queue<(long Offset, long Count)> ranges = new();
    private int failed;

    /// <summary>May wait for the disk.</summary>
    public void Written(long offset, long count)
    {
        int errno = Linux.BeginWriteOut(fd, offset, count);
        (long Offset, long Count)? oldest = null;
        lock (gate)
        {
            ranges.Enqueue((offset, count));
            if (ranges.Count > Ranges)
                oldest = ranges.Dequeue();
        }

        if (errno == 0 && oldest is { } range)
            errno = Linux.WriteOutAndDrop(fd, range.Offset, range.Count);
        if (errno != 0)
            Volatile.Write(ref failed, errno);
    }

    /// <summary>0, or an errno that the kernel told here and will not tell again.</summary>
    public int TakeErrno() => Interlocked.Exchange(ref failed, 0);
}
