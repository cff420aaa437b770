using System.Collections.Concurrent;

namespace ModelFs.Registries.Mlflow;

/// <summary>Where versions lie, so that a range of a file costs one request and not two. Any thread; in memory only.</summary>
internal sealed class LocationMemory(TimeProvider time)
{
    // A server whose artifacts are moved under a mount of many weeks is asked again; a range that is not found asks at once.
    private static readonly TimeSpan Holds = TimeSpan.FromMinutes(10);

    // Of a few hundred bytes each. Whoever reads more versions than that at a time pays a request for each range again.
    private const int Most = 4096;

    private readonly ConcurrentDictionary<(string Model, string Version, DateTimeOffset Created), Location> known = new();

    private sealed record Location(ModelVersion Version, ArtifactUri Uri, long At);

    /// <returns>Null where it is not known, or was asked for long ago.</returns>
    public (ModelVersion Version, ArtifactUri Uri)? Find(ModelVersion version) =>
        known.TryGetValue(KeyOf(version), out var location) && time.GetElapsedTime(location.At) < Holds ? (location.Version, location.Uri) : null;

    public void Learn(ModelVersion version, ArtifactUri uri)
    {
        if (known.Count >= Most)
            known.Clear();
        known[KeyOf(version)] = new Location(version, uri, time.GetTimestamp());
    }

    public void Forget(ModelVersion version) => known.TryRemove(KeyOf(version), out _);

    private static (string, string, DateTimeOffset) KeyOf(ModelVersion version) => (version.Model, version.Version, version.Created);
}
