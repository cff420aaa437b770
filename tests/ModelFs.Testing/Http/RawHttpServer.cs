using System.Collections.Concurrent;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;

namespace ModelFs.Testing.Http;

/// <summary>
/// An HTTP/1.1 server on a real loopback socket that leaves every byte of the answer to whoever uses it. It reads requests without a
/// body, one after the other, for as long as the answer leaves the connection open.
/// </summary>
public sealed class RawHttpServer : IAsyncDisposable
{
    private readonly TcpListener listener;
    private readonly CancellationTokenSource stopping = new();
    private readonly ConcurrentDictionary<Task, byte> connections = new();
    private readonly Func<RawExchange, CancellationToken, Task> answer;
    private readonly SslServerAuthenticationOptions? tls;
    private readonly Task accepting;

    /// <param name="answer">Answers one request. What it throws ends the connection and is kept in <see cref="Faults"/>.</param>
    public RawHttpServer(
        Func<RawExchange, CancellationToken, Task> answer, IPAddress? address = null, SslServerAuthenticationOptions? tls = null)
    {
        (this.answer, this.tls) = (answer, tls);
        listener = new TcpListener(address ?? IPAddress.Loopback, 0);
        listener.Start(512);
        Uri = new Uri($"{(tls is null ? "http" : "https")}://{listener.LocalEndpoint}");
        accepting = AcceptAsync();
    }

    public Uri Uri { get; }

    /// <summary>What went wrong in the server itself, a client that went away excepted.</summary>
    public ConcurrentQueue<Exception> Faults { get; } = new();

    public async ValueTask DisposeAsync()
    {
        await stopping.CancelAsync();
        listener.Stop();
        await accepting;
        await Task.WhenAll(connections.Keys);
        stopping.Dispose();
    }

    private async Task AcceptAsync()
    {
        while (!stopping.IsCancellationRequested)
        {
            Socket socket;
            try
            {
                socket = await listener.AcceptSocketAsync(stopping.Token);
            }
            catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
            {
                return;
            }

            var serving = ServeAsync(socket);
            connections.TryAdd(serving, 0);
            _ = serving.ContinueWith(done => connections.TryRemove(done, out _), TaskScheduler.Default);
        }
    }

    private async Task ServeAsync(Socket socket)
    {
        // Small, so that what is counted as sent when a client leaves is what it has, give or take a few blocks.
        socket.NoDelay = true;
        socket.SendBufferSize = 64 << 10;
        using var connection = socket;
        await using var bytes = new NetworkStream(socket, ownsSocket: false);
        await using var secured = tls is null ? null : new SslStream(bytes);
        try
        {
            if (secured is not null) await secured.AuthenticateAsServerAsync(tls!, stopping.Token);
            Stream stream = secured is null ? bytes : secured;
            using var reader = new RequestReader(stream);
            while (await reader.ReadAsync(stopping.Token) is { } request)
            {
                var exchange = new RawExchange(request, stream, socket);
                await answer(exchange, stopping.Token);
                if (!exchange.KeepAlive) break;
            }

            // Otherwise closing with unread input would reset the connection and lose the end of the answer.
            socket.Shutdown(SocketShutdown.Send);
        }
        catch (Exception e) when (e is IOException or SocketException or AuthenticationException
            or OperationCanceledException or ObjectDisposedException)
        {
            // The client went away, or we did.
        }
        catch (Exception e)
        {
            Faults.Enqueue(e);
        }
    }
}
