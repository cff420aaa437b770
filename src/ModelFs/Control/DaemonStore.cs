using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace ModelFs.Control;

/// <summary>A running daemon, asked over its socket.</summary>
internal sealed class DaemonStore : IStore
{
    private readonly HttpClient http;

    internal DaemonStore(string socket)
    {
        Socket = socket;
        var handler = new SocketsHttpHandler
        {
            ConnectCallback = async (_, cancellation) => new NetworkStream(await DialAsync(socket, cancellation), ownsSocket: true),
        };
        http = new HttpClient(handler) { BaseAddress = new Uri("http://modelfs/"), Timeout = Timeout.InfiniteTimeSpan };
    }

    public string Socket { get; }

    /// <summary>How often a daemon that is long at an answer is asked who it is. It asks nobody for that: while it says so it is at work, and what it was asked may take minutes in a cache of millions of files.</summary>
    public TimeSpan AskEvery { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>In which time it has to say so.</summary>
    public TimeSpan AliveTimeout { get; init; } = TimeSpan.FromSeconds(30);

    public ICacheStore Cache => new DaemonCacheStore(this);

    /// <summary>The daemon that listens there, or null when nobody does.</summary>
    /// <exception cref="CommandException">Somebody listens, but not to this user.</exception>
    public static async Task<DaemonStore?> ConnectAsync(string socket, CancellationToken cancellation)
    {
        try
        {
            using var probe = await DialAsync(socket, cancellation);
            return new DaemonStore(socket);
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.AccessDenied)
        {
            throw new CommandException($"the daemon's socket {socket} is another user's; run this as that user");
        }
        catch (Exception e) when (e is SocketException or ArgumentException)
        {
            return null;
        }
    }

    /// <summary>Where the daemon of a cache mounts it, or null where none runs.</summary>
    /// <exception cref="CommandException">It is another user's.</exception>
    public static async Task<string?> FindMountAsync(string cache, CancellationToken cancellation)
    {
        await using var daemon = await ConnectAsync(ControlSocket.Find(cache), cancellation);
        return daemon is null ? null : (await daemon.GetDaemonAsync(cancellation)).MountPoint;
    }

    /// <summary>The names of the registries that the daemon serves.</summary>
    public async Task<IReadOnlyList<string>> ListRegistriesAsync(CancellationToken cancellation)
    {
        var names = new List<string>();
        await foreach (var registry in ListAsync("", cancellation))
            names.Add(registry.Path);
        return names;
    }

    public Task<StatusReport> GetStatusAsync(CancellationToken cancellation) => GetAsync("status", ReportJson.Default.StatusReport, cancellation);

    public Task<EntryReport> ResolveAsync(string path, CancellationToken cancellation) =>
        GetAsync(Request("resolve", path), ReportJson.Default.EntryReport, cancellation);

    public Task<StatReport> StatAsync(string path, CancellationToken cancellation) =>
        GetAsync(Request("stat", path), CacheJson.Default.StatReport, cancellation);

    public IAsyncEnumerable<EntryReport> ListAsync(string path, CancellationToken cancellation) =>
        ReadLinesAsync(new HttpRequestMessage(HttpMethod.Get, Request("list", path)), ReportJson.Default.LineEntryReport, cancellation);

    public IAsyncEnumerable<PrefetchReport> PrefetchAsync(PrefetchRequest request, CancellationToken cancellation)
    {
        var content = JsonContent.Create(request, ReportJson.Default.PrefetchRequest);
        return ReadLinesAsync(new HttpRequestMessage(HttpMethod.Post, "prefetch") { Content = content }, ReportJson.Default.LinePrefetchReport, cancellation);
    }

    public async Task CopyAsync(string path, Func<ReadOnlyMemory<byte>, ValueTask> write, CancellationToken cancellation)
    {
        using var response = await SendAsync(new HttpRequestMessage(HttpMethod.Get, Request("content", path)), cancellation);
        await using var body = await response.Content.ReadAsStreamAsync(cancellation);
        string? error;
        try
        {
            error = await ContentFrames.CopyAsync(body, write, cancellation);
        }
        catch (IOException)
        {
            throw Ended();
        }

        if (error is not null)
            throw new CommandException(error);
    }

    /// <summary>Who the daemon is and what it mounts; asks no registry.</summary>
    public Task<DaemonReport> GetDaemonAsync(CancellationToken cancellation) => GetAsync("daemon", ReportJson.Default.DaemonReport, cancellation);

    /// <summary>Asks the daemon to unmount and end.</summary>
    public async Task StopAsync(CancellationToken cancellation) =>
        (await SendAsync(new HttpRequestMessage(HttpMethod.Post, "stop"), cancellation)).Dispose();

    public ValueTask DisposeAsync()
    {
        http.Dispose();
        return ValueTask.CompletedTask;
    }

    public static string Request(string verb, string? path) => path is null ? verb : $"{verb}?path={Uri.EscapeDataString(path)}";

    private static async Task<Socket> DialAsync(string path, CancellationToken cancellation)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), cancellation);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    public Task<T> GetAsync<T>(string request, JsonTypeInfo<T> type, CancellationToken cancellation) =>
        AskAsync(new HttpRequestMessage(HttpMethod.Get, request), type, cancellation);

    public async Task<T> AskAsync<T>(HttpRequestMessage request, JsonTypeInfo<T> type, CancellationToken cancellation)
    {
        using var response = await SendAsync(request, cancellation);
        return await response.Content.ReadFromJsonAsync(type, cancellation) ?? throw new CommandException("the daemon answered nothing");
    }

    public async IAsyncEnumerable<T> ReadLinesAsync<T>(
        HttpRequestMessage request, JsonTypeInfo<Line<T>> type, [EnumeratorCancellation] CancellationToken cancellation)
    {
        using var response = await SendAsync(request, cancellation);
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync(cancellation));
        while (await ReadLineAsync(reader, cancellation) is { } text)
        {
            var line = JsonSerializer.Deserialize(text, type) ?? throw new CommandException("the daemon's answer makes no sense");
            yield return line.Item ?? throw new CommandException(line.Error ?? "the daemon's answer makes no sense");
        }
    }

    private async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellation)
    {
        using var end = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        HttpResponseMessage response;
        try
        {
            var answer = http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, end.Token);
            while (await Task.WhenAny(answer, Task.Delay(AskEvery, end.Token)) != answer)
            {
                cancellation.ThrowIfCancellationRequested();
                await RequireAliveAsync(cancellation);
            }

            response = await answer;
        }
        catch (HttpRequestException e)
        {
            throw new CommandException($"the daemon at {Socket} does not answer: {e.InnerException?.Message ?? e.Message}");
        }
        finally
        {
            // The timer, and the question where nobody waits for its answer any more.
            await end.CancelAsync();
        }

        if (response.IsSuccessStatusCode)
            return response;
        using (response)
        {
            var error = response.StatusCode == HttpStatusCode.InternalServerError ? null
                : await response.Content.ReadFromJsonAsync(ReportJson.Default.ErrorReport, cancellation);
            throw new CommandException(error?.Message ?? "the daemon failed; its log says why");
        }
    }

    private async Task RequireAliveAsync(CancellationToken cancellation)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(AliveTimeout);
        try
        {
            using var _ = await http.GetAsync("daemon", limit.Token);
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            throw new CommandException($"the daemon at {Socket} has said nothing for {AliveTimeout.TotalSeconds:0} s; its log may say why");
        }
    }

    private static async ValueTask<string?> ReadLineAsync(StreamReader reader, CancellationToken cancellation)
    {
        try
        {
            return await reader.ReadLineAsync(cancellation);
        }
        catch (IOException)
        {
            throw Ended();
        }
    }

    private static CommandException Ended() => new("the daemon ended in the middle of its answer; run this again");
}
