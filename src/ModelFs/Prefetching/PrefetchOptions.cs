using System.Text.Json.Serialization;
using Microsoft.Extensions.FileSystemGlobbing;
using ModelFs.Cache;

namespace ModelFs.Prefetching;

/// <summary>How a prefetch goes about its paths.</summary>
/// <param name="Include">Only files that match one of these; none means all. See <see cref="Filter"/>.</param>
/// <param name="LimitRate">Bytes a second over all files, or null. Readers of the same files are not held to it.</param>
internal sealed record PrefetchOptions(IReadOnlyList<string> Include, int Jobs = PrefetchOptions.DefaultJobs, long? LimitRate = null)
{
    /// <summary>Files at a time. One large file already uses what an origin gives; several small ones hide each other's round trips.</summary>
    public const int DefaultJobs = 8;

    /// <summary>More would take the places to fetch of those who read.</summary>
    public const int MostJobs = 64;

    /// <summary>As many of <see cref="Jobs"/> as get a block each in a quarter of a second: more would begin with a burst that the rate forbids.</summary>
    [JsonIgnore]
    public int JobsAtOnce => LimitRate is { } rate ? (int)Math.Clamp(rate / 4 / CacheOptions.BlockSize, 1, Jobs) : Jobs;

    public static PrefetchOptions Default { get; } = new([]);

    /// <summary>Whether a file below a version, or in a tree of files, is wanted, by its path there.</summary>
    /// <remarks>
    /// <c>*</c> stands for any characters but a slash, <c>**</c> for any directories. A pattern without a slash is a file's name in any
    /// directory, one with a slash a path from the version on.
    /// </remarks>
    public Func<string, bool> Filter()
    {
        if (Include.Count == 0)
            return _ => true;
        var matcher = new Matcher(StringComparison.Ordinal);
        foreach (var pattern in Include)
            matcher.AddInclude(pattern.Contains('/') ? pattern.TrimStart('/') : "**/" + pattern);
        return path => matcher.Match(path).HasMatches;
    }
}
