namespace ModelFs.Registries;

/// <param name="Aliases">Alias to version, without <c>latest</c>.</param>
public sealed record Model(string Name, DateTimeOffset Created, DateTimeOffset Updated, IReadOnlyDictionary<string, string> Aliases);

/// <summary>A version of a model: content that does not change.</summary>
/// <param name="ContentUri">Where its files lie, in the registry's own words; may be empty where only <see cref="IModelRegistry.GetManifestAsync"/> asks for it.</param>
public sealed record ModelVersion(string Model, string Version, DateTimeOffset Created, string ContentUri, string? RunId = null);

/// <param name="Path">Relative, with <c>/</c>, unescaped.</param>
/// <param name="Size">Bytes, or null where the registry does not know.</param>
/// <param name="Sha256">Lower-case hexadecimal, or null where the registry gives none.</param>
/// <param name="Modified">When it was last written to, in UTC, where it is a file of this machine: one that was overwritten in place is not the version's.</param>
public sealed record ManifestFile(string Path, long? Size, string? Sha256 = null, DateTime? Modified = null);

/// <summary>All files of a version, sorted by path (ordinal). The order is part of the meaning: a file's index names it for ever.</summary>
public sealed record Manifest(ModelVersion Version, IReadOnlyList<ManifestFile> Files);

public sealed record Page<T>(IReadOnlyList<T> Items, string? NextToken);

/// <param name="Offset">Where the body begins: what was asked for, or 0.</param>
/// <param name="TotalLength">The file's length, where the answer says it.</param>
/// <remarks>Reading the body ends with an <see cref="IOException"/> when it stalls, breaks off, or is not as long as its headers say.</remarks>
public sealed record ContentStream(Stream Body, long Offset, long? TotalLength) : IAsyncDisposable
{
    public ValueTask DisposeAsync() => Body.DisposeAsync();
}

/// <summary>The value of an answer that says no more than "yes".</summary>
public readonly struct Unit;
