using System.Collections.Concurrent;
using System.Net;
using System.Net.Security;

namespace ModelFs.Testing.Http;

/// <summary>A server that does, path by path, exactly what it is told, and keeps what it was asked.</summary>
public sealed class MisbehavingServer : IAsyncDisposable
{
    private readonly ConcurrentDictionary<string, Func<RawExchange, CancellationToken, Task>> scripts = new();
    private readonly RawHttpServer server;

    public MisbehavingServer(IPAddress? address = null, SslServerAuthenticationOptions? tls = null) =>
        server = new RawHttpServer(AnswerAsync, address, tls);

    public Uri Uri => server.Uri;

    public ConcurrentQueue<RawRequest> Requests { get; } = new();

    /// <summary>Scripts all paths that begin so; the longest that fits wins. Where none fits, the answer is a 404 in HTML.</summary>
    public void On(string path, Func<RawExchange, CancellationToken, Task> script) => scripts[path] = script;

    public void On(string path, Func<RawExchange, Task> script) => On(path, (exchange, _) => script(exchange));

    public void OnJson(string path, string json, int status = 200) => On(path, exchange => exchange.RespondAsync(status, json));

    /// <summary>Takes the request and says nothing until the server goes away.</summary>
    public void OnNothing(string path) => On(path, (_, cancellation) => Task.Delay(Timeout.Infinite, cancellation));

    public async ValueTask DisposeAsync()
    {
        await server.DisposeAsync();
        if (server.Faults.TryPeek(out var fault)) throw new InvalidOperationException("A script failed.", fault);
    }

    private Task AnswerAsync(RawExchange exchange, CancellationToken cancellation)
    {
        Requests.Enqueue(exchange.Request);
        var script = scripts.Where(script => exchange.Request.Path.StartsWith(script.Key, StringComparison.Ordinal))
            .OrderByDescending(script => script.Key.Length).Select(script => script.Value).FirstOrDefault();
        return script is null ? exchange.RespondAsync(404, "<h1>Not Found</h1>", "text/html") : script(exchange, cancellation);
    }
}
