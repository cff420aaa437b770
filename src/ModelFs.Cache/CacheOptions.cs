namespace ModelFs.Cache;

public sealed record CacheOptions
{
    public const int BlockSize = 256 * 1024;

    /// <summary>The directory of the blocks. Made when missing.</summary>
    public required string Directory { get; init; }

    /// <summary>The directory of the index, the metadata and the lock; by default <c>index</c> inside <see cref="Directory"/>. Must be local.</summary>
    public string? IndexDirectory { get; init; }

    /// <summary>Bytes that objects, index and metadata may take on disk. Default 100 GiB; at least 64 MiB.</summary>
    public long MaxBytes { get; init; } = 100L << 30;

    /// <summary>Bytes of the filesystem that are left free. Default 1 GiB: a full disk hurts more than a miss.</summary>
    public long MinFreeBytes { get; init; } = 1L << 30;

    /// <summary>What registries may take of it, by name; those that are not named share the rest. Default: none is named.</summary>
    public IReadOnlyDictionary<string, OwnerLimits> Limits { get; init; } = new Dictionary<string, OwnerLimits>();

    /// <summary>
    /// Whether objects are removed as soon as the limits say so. Default: yes. A process that came to look leaves that to the one that the limits
    /// are set for; what it stores itself takes its room by them all the same.
    /// </summary>
    public bool KeepsLimits { get; init; } = true;

    /// <summary>
    /// Bytes a second that are verified in the background after a kill, while nobody reads through us or fetches. 32 MiB, a quarter of the
    /// slowest disk that models are read from (125 MB/s) and a hundredth of an NVMe: 100 GiB take an hour.
    /// </summary>
    internal long ScrubBytesPerSecond { get; init; } = 32 << 20;

    /// <exception cref="ArgumentException">A value is out of its range.</exception>
    internal void Validate()
    {
        if (!Path.IsPathRooted(Directory) || (IndexDirectory is not null && !Path.IsPathRooted(IndexDirectory)))
            throw new ArgumentException($"{nameof(Directory)} and {nameof(IndexDirectory)} must be absolute paths", nameof(Directory));
        if (MaxBytes < 64L << 20)
            throw new ArgumentException($"{nameof(MaxBytes)} is {MaxBytes}; it must be at least 64 MiB", nameof(MaxBytes));
        if (MinFreeBytes < 0)
            throw new ArgumentException($"{nameof(MinFreeBytes)} is {MinFreeBytes}; it must not be negative", nameof(MinFreeBytes));
        foreach (var (owner, limits) in Limits)
        {
            if (limits.MaxBytes < 64L << 20)
                throw new ArgumentException($"{nameof(limits.MaxBytes)} of {owner} is {limits.MaxBytes}; it must be at least 64 MiB", nameof(Limits));
            if (limits.MaxAge < TimeSpan.FromMinutes(1))
                throw new ArgumentException($"{nameof(limits.MaxAge)} of {owner} is {limits.MaxAge}; it must be at least a minute", nameof(Limits));
        }
    }
}
