namespace ModelFs.Registries;

/// <summary>One configured registry. Environment variables of the registry's own client fill what is not set here.</summary>
public sealed record RegistryOptions
{
    /// <summary>Its directory below the mount: <c>MLFLOW</c>, or what the configuration calls it.</summary>
    public required string Name { get; init; }

    /// <summary><c>mlflow</c>.</summary>
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

    /// <summary>A request with all its retries. Default 30 s; less than the mount's request deadline.</summary>
    public TimeSpan TotalTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>The longest that a body may stay silent. Default 20 s.</summary>
    public TimeSpan StallTimeout { get; init; } = TimeSpan.FromSeconds(20);
}
