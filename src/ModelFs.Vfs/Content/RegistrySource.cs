using Microsoft.Extensions.Logging;
using ModelFs.Cache;
using ModelFs.Registries;

namespace ModelFs.Vfs.Content;

/// <summary>Supplies the cache with the bytes of one file from its registry, as its version's manifest has it.</summary>
internal sealed class RegistrySource(KeptRegistry registry, ModelVersion version, ManifestFile file, string name, ILogger log) : IObjectSource
{
    public async ValueTask<SourceStream> OpenAsync(long offset, long length, CancellationToken cancellation)
    {
        var result = await registry.Registry.OpenAsync(version, file, offset, length, cancellation).ConfigureAwait(false);
        if (result.Error is { } error)
        {
            if (error.Kind == RegistryErrorKind.Changed)
                registry.Withdraw(version, file);
            log.ContentFails(name, error.Message);
            throw new SourceException((int)Errnos.OfContent(error), error.Message);
        }

        return new SourceStream(result.Value.Body, result.Value.Offset, result.Value.TotalLength);
    }
}
