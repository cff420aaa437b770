namespace ModelFs.Registries;

/// <summary>One configured registry. Environment variables of the registry's own client fill what is not set here.</summary>
public sealed record RegistryOptions
{
    /// <summary>Its directory below the mount: <c>MLFLOW</c>, or what the configuration calls it.</summary>
    public required string Name { get; init; }

    /// <summary><c>mlflow</c> or <c>http</c>.</summary>
    public required string Kind { get; init; }

    /// <summary><c>http://…</c>, <c>https://…</c>, <c>sqlite:///relative.db</c>, <c>sqlite:////absolute.db</c>, or a file store:
    /// <c>./mlruns</c>, <c>/srv/mlruns</c>, <c>file:./mlruns</c>, <c>file:///srv/mlruns</c>.</summary>
    public required string Uri { get; init; }

    /// <summary>Where <c>mlflow-artifacts:</c> of a local store lies. Default: <c>mlartifacts</c> or <c>artifacts</c> beside the store.</summary>
    public string? ArtifactsDestination { get; init; }

    /// <summary>Absolute paths of directories below which this registry may name local files, besides those that it always may: none for
    /// a server; for a local store the artifacts destination, or by default <c>mlartifacts</c> and <c>artifacts</c> beside it, and for a
    /// database <c>mlruns</c>; for a file store itself too.</summary>
    public IReadOnlyList<string> ArtifactRoots { get; init; } = [];

    /// <summary>Whether addresses that this registry names may be loopback, private or link-local though its own is not. Default no.</summary>
    public bool AllowInternalAddresses { get; init; }

    /// <summary>One attempt at one request, to its headers. Default 10 s.</summary>
    public TimeSpan AttemptTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>A call with all its retries. Default 55 s; less than the mount's request deadline.</summary>
    public TimeSpan TotalTimeout { get; init; } = TimeSpan.FromSeconds(55);

    /// <summary>The longest that a body may stay silent. An origin that has answered before is waited for half as long again before it is taken to be down. Default 20 s.</summary>
    public TimeSpan StallTimeout { get; init; } = TimeSpan.FromSeconds(20);

    /// <summary>For <c>http</c>: how long a name that was found, or a listing, is believed. Null: 5 min. 0 to a day.</summary>
    public TimeSpan? FoundTtl { get; init; }

    /// <summary>For <c>http</c>: how long it is believed that a name is not there. Null: 10 s. 0 to a day.</summary>
    public TimeSpan? AbsentTtl { get; init; }

    /// <summary>For <c>http</c>: paths below the address that are directories, with those above them, though the server does not say so:
    /// a store of objects answers 404 for <c>/a/</c> and 200 for <c>/a/b</c>.</summary>
    public IReadOnlyList<string> Directories { get; init; } = [];

    /// <summary>Bytes of the cache that its files may take, at least 64 MiB. Default: no limit but the cache's. For the cache, not for the registry.</summary>
    public long? MaxBytes { get; init; }

    /// <summary>Files that nobody has used for so long leave the cache. Default: never by age; at least 1 minute. For the cache, not for the registry.</summary>
    public TimeSpan? MaxAge { get; init; }

    /// <summary>Versions, or aliases that lead to them, whose files are never evicted: <c>iris/champion</c>. For the cache, not for the registry.</summary>
    public IReadOnlyList<string> Pins { get; init; } = [];
}
