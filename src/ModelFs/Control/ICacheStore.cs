using ModelFs.Cache;

namespace ModelFs.Control;

/// <summary>What lies in the cache, as the verbs of <c>modelfs cache</c> ask for it.</summary>
/// <remarks>A path is a place in the cache: <c>MLFLOW</c>, <c>MLFLOW/iris</c>, <c>MLFLOW/iris/champion</c>, a <c>models:/</c> URI; null for all of it. Every method throws a <see cref="CommandException"/> that says what is wrong.</remarks>
internal interface ICacheStore
{
    Task<CacheInfoReport> GetInfoAsync(CancellationToken cancellation);

    IAsyncEnumerable<CachedItem> ListAsync(string? path, CancellationToken cancellation);

    Task<EvictionResult> EvictAsync(EvictionRequest request, CancellationToken cancellation);

    IAsyncEnumerable<ScrubReport> VerifyAsync(string? path, CancellationToken cancellation);

    /// <summary>Pins the files of a version, or of a directory in it; null only says what is pinned.</summary>
    Task<IReadOnlyList<PinReport>> PinAsync(string? path, CancellationToken cancellation);

    Task<PinReport> UnpinAsync(string path, CancellationToken cancellation);
}
