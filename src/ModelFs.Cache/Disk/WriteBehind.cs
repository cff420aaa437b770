namespace ModelFs.Cache.Disk;

/// <summary>Keeps what is written to one file out of the page cache where the kernel does not do that itself.</summary>
/// <remarks>Each range is handed to the disk at once, and dropped when so much more was written that it will have got there.</remarks>
internal sealed class WriteBehind(int fd)
{
    /// <summary>8 MiB of blocks: a disk that takes 500 MB/s has written the first of them when the last comes.</summary>
    private const int Ranges = 32;

    private readonly Lock gate = new();
    private readonly Queue<(long Offset, long Count)> ranges = new();

    /// <summary>Held from the system call that takes an error out of the kernel until it is noted: whoever syncs in between would hear of none.</summary>
    private readonly Lock writingOut = new();

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

        lock (writingOut)
        {
            if (errno == 0 && oldest is { } range)
                errno = Linux.WriteOutAndDrop(fd, range.Offset, range.Count);
            if (errno != 0)
                failed = errno;
        }
    }

    /// <summary>0, or an errno that the kernel told here and will not tell again.</summary>
    public int TakeErrno()
    {
        lock (writingOut)
        {
            int errno = failed;
            failed = 0;
            return errno;
        }
    }
}
