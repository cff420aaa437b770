namespace ModelFs.Registries;

/// <summary>Models, their versions and aliases, and the files of a version, as some registry has them. Holds no state but connections.</summary>
/// <remarks>
/// Every call ends within the registry's own total deadline, and says how it failed instead of throwing, but for
/// <see cref="OperationCanceledException"/>. Names are the registry's own, unescaped. Answers are checked before they are returned:
/// a manifest holds no path that is absolute, climbs, repeats or is both a file and a directory.
/// </remarks>
public interface IModelRegistry : IRegistry
{
    /// <summary>One page of models, by name; the token of the next page is null on the last.</summary>
    ValueTask<RegistryResult<Page<Model>>> ListModelsAsync(string? pageToken, CancellationToken cancellation);

    ValueTask<RegistryResult<Model>> GetModelAsync(string model, CancellationToken cancellation);

    /// <summary>One page of the versions that can be read.</summary>
    ValueTask<RegistryResult<Page<ModelVersion>>> ListVersionsAsync(string model, string? pageToken, CancellationToken cancellation);

    /// <summary>A version; one that is deleted, pending or failed is not found.</summary>
    ValueTask<RegistryResult<ModelVersion>> GetVersionAsync(string model, string version, CancellationToken cancellation);

    /// <summary>The version an alias points to now; <c>latest</c> is one where the registry has it.</summary>
    ValueTask<RegistryResult<ModelVersion>> ResolveAliasAsync(string model, string alias, CancellationToken cancellation);

    ValueTask<RegistryResult<Manifest>> GetManifestAsync(ModelVersion version, CancellationToken cancellation);

    /// <summary>Opens the bytes <c>[offset, offset + length)</c> of a file. Where the origin has no ranges, the answer begins at 0 and goes to the end.</summary>
    ValueTask<RegistryResult<ContentStream>> OpenAsync(ModelVersion version, ManifestFile file, long offset, long length, CancellationToken cancellation);
}
