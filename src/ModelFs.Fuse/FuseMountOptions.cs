namespace ModelFs.Fuse;

public sealed record FuseMountOptions
{
    /// <summary>The <c>fstype</c> is <c>fuse.</c> and this; it is the mount's source too. Letters, digits, <c>-</c> and <c>_</c>.</summary>
    public string Name { get; init; } = "fuse";

    /// <summary>Whether users other than the one who mounts may enter. As root always on.</summary>
    public bool AllowOther { get; init; } = true;

    /// <summary>How long a request may take before the session answers EIO. Default 60 s, 10 ms to 1 h: a reader of an mmap gets SIGBUS when it passes.</summary>
    public TimeSpan RequestDeadline { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Threads that read requests. Default 2, 1 to 16: they never block, so more than the cores gain nothing.</summary>
    public int ReaderThreads { get; init; } = 2;

    /// <summary>KiB that the kernel reads ahead, and the size of one mmap fault. Default 1024, 4 to 65536; the kernel's own default of 128 is a third as fast.</summary>
    public int ReadAheadKiB { get; init; } = 1024;

    internal string FileSystemType => $"fuse.{Name}";

    /// <exception cref="ArgumentException">An option is outside its range; it is named.</exception>
    internal void Validate()
    {
        // The name stands in mount options and in mountinfo, where commas and blanks mean something.
        if (Name.Length is 0 or > 64 || !Name.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_'))
            throw new ArgumentException($"not 1 to 64 letters, digits, - or _: '{Name}'", nameof(Name));

        Check(RequestDeadline >= TimeSpan.FromMilliseconds(10) && RequestDeadline <= TimeSpan.FromHours(1), nameof(RequestDeadline), RequestDeadline, "10 ms to 1 h");
        Check(ReaderThreads is >= 1 and <= 16, nameof(ReaderThreads), ReaderThreads, "1 to 16");
        Check(ReadAheadKiB is >= 4 and <= 65536, nameof(ReadAheadKiB), ReadAheadKiB, "4 to 65536");
    }

    private static void Check(bool isInRange, string name, object value, string range)
    {
        if (!isInRange)
            throw new ArgumentOutOfRangeException(name, value, $"allowed is {range}");
    }
}
