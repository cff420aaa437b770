using Microsoft.Extensions.Logging;
using ModelFs.Cache;
using ModelFs.Registries;

namespace ModelFs.Vfs.Trees;

/// <summary>Supplies the cache with the bytes of one content of a file, and with none of the next.</summary>
internal sealed class TreeSource(KeptTree tree, TreeFile file, ILogger log) : IObjectSource
{
    public async ValueTask<SourceStream> OpenAsync(long offset, long length, CancellationToken cancellation)
    {
        var result = await tree.Tree.OpenAsync(file, offset, length, cancellation).ConfigureAwait(false);
        if (result.Error is { } error)
        {
            if (error.Kind == RegistryErrorKind.Changed)
                tree.Withdraw(file);
            log.ContentFails($"{tree.Name}/{file.Path}", error.Message);
            throw new SourceException((int)Errnos.OfContent(error), error.Message);
        }

        return new SourceStream(result.Value.Body, result.Value.Offset, result.Value.TotalLength);
    }
}
