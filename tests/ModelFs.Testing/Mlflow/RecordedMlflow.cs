using System.Collections.Concurrent;
using System.Text;
using ModelFs.Testing.Http;

namespace ModelFs.Testing.Mlflow;

/// <summary>The two ways in which MLflow 3.6 was run for the recordings.</summary>
public enum MlflowFlavour
{
    /// <summary>Closes each connection after its answer.</summary>
    Gunicorn,

    /// <summary>Keeps connections.</summary>
    Uvicorn,
}

/// <summary>What <see cref="RecordedMlflow.SwitchOff"/> takes away.</summary>
public enum MlflowRoute
{
    /// <summary>Both <c>get-artifact</c> endpoints, the only ones that honour ranges.</summary>
    GetArtifact,

    /// <summary>Listing and download through the artifact proxy.</summary>
    ArtifactProxy,
}

/// <summary>A request that was answered. <see cref="BodyBytes"/> grows while the body is being sent.</summary>
public sealed class ServedRequest(RawRequest request)
{
    private long bodyBytes;

    public RawRequest Request => request;

    public long BodyBytes => Volatile.Read(ref bodyBytes);

    internal void Sent(int count) => Interlocked.Add(ref bodyBytes, count);
}

/// <summary>
/// A real HTTP server that answers as a real MLflow 3.6 was recorded to: byte for byte what was recorded, and in the recorded shape
/// what is of a recorded kind. Any other request gets 599 and a place in <see cref="Unrecorded"/>, which a test asserts to be empty.
/// </summary>
public sealed class RecordedMlflow : IAsyncDisposable
{
    private const int Piece = 64 << 10;
    private const string SwitchedOff =
        "Endpoint: {0} disabled due to the mlflow server running in `--artifacts-only` mode. "
        + "To enable tracking server functionality, run `mlflow server` without `--artifacts-only`";

    private readonly IReadOnlyList<Recording> recordings;
    private readonly HashSet<string> kinds;
    private readonly RecordedModels models;
    private readonly RecordedApi api;
    private readonly RecordedFiles files;
    private readonly MlflowFlavour flavour;
    private readonly ConcurrentDictionary<MlflowRoute, byte> switchedOff = new();
    private readonly RawHttpServer server;
    private volatile bool changed;
    private volatile Pause? pause;

    private sealed record Pause(long After, TaskCompletionSource Over);

    public RecordedMlflow(MlflowFlavour flavour)
    {
        this.flavour = flavour;
        recordings = Recording.ReadAll(flavour == MlflowFlavour.Gunicorn ? "gunicorn-3.6" : "uvicorn-3.6");
        kinds = [.. recordings.Select(recording => Recording.KindOf(recording.Request))];
        models = new RecordedModels(recordings);
        api = new RecordedApi(models);
        files = new RecordedFiles(models);
        server = new RawHttpServer(AnswerAsync);
    }

    public Uri Uri => server.Uri;

    /// <summary>What is served: every model with a version, every version, alias and file.</summary>
    public IReadOnlyList<FixtureModel> Models => models.All;

    /// <summary>The names of all models, those without a version among them.</summary>
    public IReadOnlyList<string> ModelNames => [.. models.Names];

    /// <summary>All requests, oldest first.</summary>
    public ConcurrentQueue<ServedRequest> Requests { get; } = new();

    /// <summary>Requests of a kind that was never recorded.</summary>
    public ConcurrentQueue<string> Unrecorded { get; } = new();

    /// <summary>Bytes of bodies sent for requests whose path or query, unescaped, holds the text.</summary>
    public long BytesSent(string holding = "") =>
        Requests.Where(served => Uri.UnescapeDataString(served.Request.Target).Contains(holding, StringComparison.Ordinal))
            .Sum(served => served.BodyBytes);

    /// <summary>From now on a route answers as a server that runs without it: 503 and a sentence.</summary>
    public void SwitchOff(MlflowRoute route) => switchedOff.TryAdd(route, 0);

    public void SwitchOn(MlflowRoute route) => switchedOff.TryRemove(route, out _);

    /// <summary>From now on every longer body stops after so many bytes, its connection open, until <see cref="ResumeBodies"/>.</summary>
    public void PauseBodiesAfter(long bytes) => pause = new Pause(bytes, new(TaskCreationOptions.RunContinuationsAsynchronously));

    public void ResumeBodies()
    {
        var ended = pause;
        pause = null;
        ended?.Over.TrySetResult();
    }

    /// <summary>Points an alias elsewhere, or makes it.</summary>
    public void MoveAlias(string model, string alias, string version)
    {
        models.MoveAlias(model, alias, version);
        changed = true;
    }

    public async ValueTask DisposeAsync()
    {
        ResumeBodies();
        await server.DisposeAsync();
        if (server.Faults.TryPeek(out var fault)) throw new InvalidOperationException("The recorded server failed.", fault);
    }

    private async Task AnswerAsync(RawExchange exchange, CancellationToken cancellation)
    {
        var request = exchange.Request;
        var served = new ServedRequest(request);
        Requests.Enqueue(served);
        exchange.KeepAlive = flavour == MlflowFlavour.Uvicorn;

        if (IsSwitchedOff(request))
        {
            var sentence = Encoding.UTF8.GetBytes(string.Format(SwitchedOff, request.Path));
            await SendAsync(exchange, served, 503, "Service Unavailable", PageHeaders, sentence);
            return;
        }

        if (Exact(request) is { } recorded)
        {
            if (recorded.Dropped) exchange.KeepAlive = false;
            else await SendAsync(exchange, served, recorded.Status, recorded.Reason, recorded.Headers, recorded.Body!);
            return;
        }

        var answer = kinds.Contains(Recording.KindOf(request)) ? api.Ask(request) ?? files.Ask(request) : null;
        if (answer is null)
        {
            Unrecorded.Enqueue($"{request.Method} {request.Target} {request.Header("Range")}".TrimEnd());
            var sentence = "This kind of request was never recorded."u8.ToArray();
            await SendAsync(exchange, served, 599, "Never Recorded", PageHeaders, sentence);
        }
        else if (answer.Status == 200 && IsProxyDownload(request) && !Ascii.IsValid(Uri.UnescapeDataString(request.Path)))
        {
            // MLflow puts the name into a header unencoded: uvicorn then gives up with an answer, gunicorn without one.
            if (flavour == MlflowFlavour.Gunicorn) exchange.KeepAlive = false;
            else await SendAsync(exchange, served, recordings.Single(found => IsProxyDownload(found.Request) && found.Body?.Length == 21));
        }
        else await SendAsync(exchange, served, answer);
    }

    private Recording? Exact(RawRequest request) => recordings.FirstOrDefault(recording =>
        recording.Request.Method == request.Method && recording.Request.Target == request.Target
        && recording.Request.Header("Range") == request.Header("Range") && recording.Request.Header("Host") is null
        && recording.Request.Header("Accept-Encoding") is null
        && (recording.Body is not null || recording.Dropped) && !(changed && recording.Json is not null));

    private Task SendAsync(RawExchange exchange, ServedRequest served, Recording recorded) =>
        SendAsync(exchange, served, recorded.Status, recorded.Reason, recorded.Headers, recorded.Body!);

    private async Task SendAsync(RawExchange exchange, ServedRequest served, Answer answer)
    {
        var template = Template(exchange.Request, answer.Status);
        var headers = Merge(template.Headers, answer.Headers);
        if (answer.Content is null)
            await SendAsync(exchange, served, answer.Status, template.Reason, headers, answer.Body ?? template.Body!);
        else
        {
            await exchange.SendHeadAsync(answer.Status, template.Reason, headers);
            if (exchange.Request.Method != "HEAD") await SendContentAsync(exchange, served, answer, IsChunked(headers));
        }
    }

    private async Task SendAsync(
        RawExchange exchange, ServedRequest served, int status, string reason, IReadOnlyList<KeyValuePair<string, string>> headers,
        byte[] body)
    {
        var chunked = IsChunked(headers);
        var isHead = exchange.Request.Method == "HEAD";
        await exchange.SendHeadAsync(
            status, reason, chunked || isHead ? headers : Merge(headers, [new("Content-Length", $"{body.Length}")]));
        if (isHead) return;
        await SendPieceAsync(exchange, served, body, chunked);
        if (chunked) await exchange.SendAsync("0\r\n\r\n");
    }

    private async Task SendContentAsync(RawExchange exchange, ServedRequest served, Answer answer, bool chunked)
    {
        for (long sent = 0; sent < answer.Length;)
        {
            var count = Math.Min(Piece, answer.Length - sent);
            if (pause is { } waiting)
            {
                if (sent >= waiting.After) await waiting.Over.Task;
                else count = Math.Min(count, waiting.After - sent);
            }

            await SendPieceAsync(exchange, served, answer.Content!.Bytes(answer.Offset + sent, (int)count), chunked);
            sent += count;
        }

        if (chunked) await exchange.SendAsync("0\r\n\r\n");
    }

    private static async Task SendPieceAsync(RawExchange exchange, ServedRequest served, byte[] bytes, bool chunked)
    {
        if (bytes.Length == 0) return;
        served.Sent(bytes.Length); // before the client can have them, so that it never sees fewer counted
        await exchange.SendAsync(chunked ? [.. Encoding.ASCII.GetBytes($"{bytes.Length:x}\r\n"), .. bytes, .. "\r\n"u8] : bytes);
    }

    private bool IsSwitchedOff(RawRequest request) =>
        (request.Path is RecordedFiles.ByVersion or RecordedFiles.ByRun && switchedOff.ContainsKey(MlflowRoute.GetArtifact))
        || (switchedOff.ContainsKey(MlflowRoute.ArtifactProxy) && request.Path.StartsWith(RecordedFiles.Proxy, StringComparison.Ordinal));

    /// <summary>The recorded answer that an invented one borrows its headers from: same kind if there is one, else same endpoint.</summary>
    private Recording Template(RawRequest request, int status)
    {
        var kind = Recording.KindOf(request);
        var endpoint = Recording.Endpoint(request.Path);
        return recordings.Where(recording => recording.Status == status && Recording.Endpoint(recording.Request.Path) == endpoint)
                .OrderByDescending(recording => Recording.KindOf(recording.Request) == kind).FirstOrDefault()
            ?? recordings.First(recording => recording.Status == status);
    }

    /// <summary>The headers of an answer that is a page of HTML.</summary>
    private IReadOnlyList<KeyValuePair<string, string>> PageHeaders =>
        recordings.First(recording => recording.Status == 404 && recording.Json is null).Headers;

    private static bool IsProxyDownload(RawRequest request) => request.Path.StartsWith(RecordedFiles.Proxy + "/", StringComparison.Ordinal);

    private static bool IsChunked(IReadOnlyList<KeyValuePair<string, string>> headers) =>
        headers.Any(header => header.Key.Equals("Transfer-Encoding", StringComparison.OrdinalIgnoreCase));

    /// <summary>Recorded headers in their order and spelling, with some values replaced; those that were not recorded come last.</summary>
    private static List<KeyValuePair<string, string>> Merge(
        IReadOnlyList<KeyValuePair<string, string>> recorded, IReadOnlyList<KeyValuePair<string, string>> values)
    {
        var merged = recorded.ToList();
        foreach (var (name, value) in values)
        {
            var at = merged.FindIndex(header => header.Key.Equals(name, StringComparison.OrdinalIgnoreCase));
            if (at >= 0) merged[at] = new(merged[at].Key, value);
            else merged.Add(new(name, value));
        }

        return merged;
    }
}
