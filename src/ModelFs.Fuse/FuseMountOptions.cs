namespace ModelFs.Fuse;

public sealed record FuseMountOptions
{
    /// <summary>The <c>fstype</c> is <c>fuse.</c> and this; it is the mount's source too.</summary>
    public string Name { get; init; } = "fuse";

    /// <summary>Whether users other than the one who mounts may enter. As root always on.</summary>
    public bool AllowOther { get; init; } = true;

    /// <summary>How long a request may take before the session answers EIO. Default 60 s.</summary>
    public TimeSpan RequestDeadline { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Threads that read requests. Default 2, 1 to 16: they never block, so more than the cores gain nothing.</summary>
    public int ReaderThreads { get; init; } = 2;

    /// <summary>KiB that the kernel reads ahead, and the size of one mmap fault. Default 1024; the kernel's own default of 128 is a third as fast.</summary>
    public int ReadAheadKiB { get; init; } = 1024;
}
