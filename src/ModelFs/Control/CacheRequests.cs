using System.Text.Json;
using Microsoft.AspNetCore.Http;
using ModelFs.Cache;

namespace ModelFs.Control;

/// <summary>The daemon's side of <see cref="DaemonCacheStore"/>.</summary>
internal static class CacheRequests
{
    /// <returns>False for a request that is none of these.</returns>
    public static async Task<bool> TryHandleAsync(HttpContext context, ICacheStore cache, CancellationToken cancellation)
    {
        string? path = context.Request.Query.TryGetValue("path", out var given) ? given.ToString() : null;
        switch (context.Request.Method, context.Request.Path.Value)
        {
            case ("GET", "/cache/info"):
                await ControlServer.WriteAsync(context, await cache.GetInfoAsync(cancellation), CacheJson.Default.CacheInfoReport);
                return true;
            case ("GET", "/cache/list"):
                await ControlServer.WriteLinesAsync(context, cache.ListAsync(path, cancellation), CacheJson.Default.LineCachedItem);
                return true;
            case ("POST", "/cache/evict"):
                var request = await JsonSerializer.DeserializeAsync(context.Request.Body, CacheJson.Default.EvictionRequest, cancellation);
                await ControlServer.WriteAsync(context, await cache.EvictAsync(request ?? new EvictionRequest(), cancellation), CacheJson.Default.EvictionResult);
                return true;
            case ("POST", "/cache/verify"):
                await ControlServer.WriteLinesAsync(context, cache.VerifyAsync(path, cancellation), CacheJson.Default.LineScrubReport);
                return true;
            case ("POST", "/cache/pin"):
                await ControlServer.WriteAsync(context, await cache.PinAsync(path, cancellation), CacheJson.Default.IReadOnlyListPinReport);
                return true;
            case ("POST", "/cache/unpin"):
                await ControlServer.WriteAsync(context, await cache.UnpinAsync(path ?? "", cancellation), CacheJson.Default.PinReport);
                return true;
            default:
                return false;
        }
    }
}
