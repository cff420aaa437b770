using System.Text.Json.Serialization;
using ModelFs.Cache;
using ModelFs.Configuration;
using ModelFs.Doctor;
using ModelFs.Prefetching;

namespace ModelFs.Control;

// What a store answers, and what goes over the control socket as JSON.

/// <param name="Daemon">Null when none runs and this process looked itself.</param>
/// <param name="DeadMounts">Those of the mounts whose daemon was killed; only looked for where no daemon runs.</param>
internal sealed record StatusReport(
    string Version,
    DaemonReport? Daemon,
    IReadOnlyList<string> Mounts,
    IReadOnlyList<string> DeadMounts,
    IReadOnlyList<RegistryReport> Registries,
    CacheStatus Cache)
{
    /// <summary>The paths that the daemon fetches at its start, and again when their alias moves.</summary>
    public IReadOnlyList<WarmReport> Prefetch { get; init; } = [];
}

internal enum WarmState
{
    Waiting,
    Fetching,
    Complete,

    /// <summary>It is tried again by itself.</summary>
    Failed,
}

/// <param name="Path">As it is configured.</param>
/// <param name="Target">Where it leads, as far as that is known.</param>
internal sealed record WarmReport(string Path, WarmState State, string? Target, string? Error);

/// <param name="PassthroughObstacle">Why the kernel does not read complete files of the mount itself, or null where it does.</param>
internal sealed record DaemonReport(int Pid, DateTimeOffset Since, string MountPoint, string? PassthroughObstacle)
{
    public bool Passthrough => PassthroughObstacle is null;
}

/// <param name="Error">Why it does not answer, or null.</param>
internal sealed record RegistryReport(string Name, string Description, bool Answers, double Milliseconds, string? Error)
{
    /// <summary>It answers, but refuses or is none of its kind: somebody has to mend that, and waiting does not. For this process's own words.</summary>
    [JsonIgnore]
    public bool IsWrong { get; init; }

    /// <summary>How far its server's clock is ahead of ours, where it says. For this process's own words.</summary>
    [JsonIgnore]
    public TimeSpan? ClockSkew { get; init; }

    /// <summary>What is wrong, for whoever has just mounted it.</summary>
    [JsonIgnore]
    public string Warning => IsWrong
        ? $"registry {Name} cannot be used: {Error?.TrimEnd('.')}; the mount is there, and that directory too once this is mended"
        : $"registry {Name} does not answer yet: {Error?.TrimEnd('.')}; the mount is there, and that directory heals by itself";
}

internal enum EntryKind
{
    Directory,
    File,
    Link,
}

/// <param name="Path">Canonical, below the mount.</param>
/// <param name="Target">Where a link points to.</param>
internal sealed record EntryReport(string Path, EntryKind Kind, long? Size, DateTimeOffset? Time, string? Target)
{
    [JsonIgnore]
    public string Name => Path[(Path.LastIndexOf('/') + 1)..];
}

internal sealed record PrefetchRequest(IReadOnlyList<string> Paths, PrefetchOptions Options);

/// <summary>Where a prefetch stands.</summary>
/// <param name="Files">Those that it is done with, also where they failed.</param>
/// <param name="Bytes">Those of these files that are in the cache, whoever fetched them.</param>
/// <param name="TotalBytes">Of all files whose size is known.</param>
internal sealed record PrefetchReport(int Files, int TotalFiles, int Failed, long Bytes, long TotalBytes)
{
    /// <summary>The files that it is done with since the last report.</summary>
    public IReadOnlyList<FinishedFile> Finished { get; init; } = [];

    /// <summary>The files that are being fetched, the longest first.</summary>
    public IReadOnlyList<FileProgress> Running { get; init; } = [];
}

/// <param name="Error">Why it failed, or null.</param>
internal sealed record FinishedFile(string File, string? Error = null);

internal sealed record FileProgress(string File, long Bytes, long TotalBytes);

/// <summary>How a prefetch ended.</summary>
/// <param name="Fetched">Bytes of these files that came into the cache meanwhile.</param>
/// <param name="Failures">File and reason.</param>
internal sealed record PrefetchSummary(int Files, long Bytes, long Fetched, IReadOnlyDictionary<string, string> Failures);

internal sealed record ErrorReport(string Message);

/// <summary>A line of a stream: an item, or the error that ended it.</summary>
internal sealed record Line<T>(T? Item, string? Error);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    UseStringEnumConverter = true,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(StatusReport))]
[JsonSerializable(typeof(DaemonReport))]
[JsonSerializable(typeof(EntryReport))]
[JsonSerializable(typeof(List<EntryReport>))]
[JsonSerializable(typeof(Line<EntryReport>))]
[JsonSerializable(typeof(Line<PrefetchReport>))]
[JsonSerializable(typeof(PrefetchRequest))]
[JsonSerializable(typeof(PrefetchSummary))]
[JsonSerializable(typeof(ErrorReport))]
[JsonSerializable(typeof(IReadOnlyList<EffectiveSetting>))]
[JsonSerializable(typeof(IReadOnlyList<Finding>))]
internal sealed partial class ReportJson : JsonSerializerContext;
