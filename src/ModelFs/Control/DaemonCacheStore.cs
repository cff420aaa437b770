using System.Net.Http.Json;
using ModelFs.Cache;

namespace ModelFs.Control;

/// <summary>The cache that a running daemon has open.</summary>
internal sealed class DaemonCacheStore(DaemonStore daemon) : ICacheStore
{
    public Task<CacheInfoReport> GetInfoAsync(CancellationToken cancellation) =>
        daemon.GetAsync("cache/info", CacheJson.Default.CacheInfoReport, cancellation);

    public IAsyncEnumerable<CachedItem> ListAsync(string? path, CancellationToken cancellation) =>
        daemon.ReadLinesAsync(new HttpRequestMessage(HttpMethod.Get, DaemonStore.Request("cache/list", path)), CacheJson.Default.LineCachedItem, cancellation);

    public Task<EvictionResult> EvictAsync(EvictionRequest request, CancellationToken cancellation)
    {
        var content = JsonContent.Create(request, CacheJson.Default.EvictionRequest);
        return daemon.AskAsync(new HttpRequestMessage(HttpMethod.Post, "cache/evict") { Content = content }, CacheJson.Default.EvictionResult, cancellation);
    }

    public IAsyncEnumerable<ScrubReport> VerifyAsync(string? path, CancellationToken cancellation) =>
        daemon.ReadLinesAsync(new HttpRequestMessage(HttpMethod.Post, DaemonStore.Request("cache/verify", path)), CacheJson.Default.LineScrubReport, cancellation);

    public Task<IReadOnlyList<PinReport>> PinAsync(string? path, CancellationToken cancellation) =>
        daemon.AskAsync(new HttpRequestMessage(HttpMethod.Post, DaemonStore.Request("cache/pin", path)), CacheJson.Default.IReadOnlyListPinReport, cancellation);

    public Task<PinReport> UnpinAsync(string path, CancellationToken cancellation) =>
        daemon.AskAsync(new HttpRequestMessage(HttpMethod.Post, DaemonStore.Request("cache/unpin", path)), CacheJson.Default.PinReport, cancellation);
}
