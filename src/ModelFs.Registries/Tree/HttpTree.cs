using System.Net;
using System.Net.Http.Headers;
using System.Net.Security;
using System.Text;
using Microsoft.Extensions.Logging;
using ModelFs.Registries.Http;

namespace ModelFs.Registries.Tree;

/// <summary>Files below an address, as web servers and stores of objects have them.</summary>
internal sealed class HttpTree : IFileTree
{
    /// <summary>A page of 100 000 names has about 16 MiB.</summary>
    private const long MaxPage = 32 << 20;

    private static readonly TimeSpan DefaultFoundTtl = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan DefaultAbsentTtl = TimeSpan.FromSeconds(10);
    private static readonly Treatment Impatient = new(Patient: false, RetryBrokenAnswers: true);

    private readonly RegistryOptions options;
    private readonly ILogger log;
    private readonly TimeProvider time;
    private readonly TreeAddress address;
    private readonly RegistryClient client;
    private readonly Resilience resilience;
    private readonly TreeProbe probe;
    private readonly TreeValidators validators = new();
    private readonly HashSet<string> declared = new(StringComparer.Ordinal);

    /// <exception cref="RegistryConfigurationException">An option or a variable makes no sense.</exception>
    public HttpTree(Uri uri, RegistryOptions options, Func<string, string?> environment, ILogger log, TimeProvider time)
    {
        (this.options, this.log, this.time) = (options, log, time);
        address = new TreeAddress(uri);
        Description = $"http {address.Root.AbsoluteUri}";
        var credentials = TreeCredentials.Read(uri, options.Name, environment);
        var identity = new ClientIdentity(
            credentials.Authorization, [], new SslClientAuthenticationOptions(), credentials.Source, credentials.Redact);
        resilience = new Resilience(options, log, time);
        client = new RegistryClient(address.Root, identity, options, log, resilience, time);
        probe = new TreeProbe(client);
        foreach (var path in options.Directories.Select(path => path.Trim('/')))
        {
            if (!TreePaths.IsPath(path))
                throw new RegistryConfigurationException($"Registry {options.Name}: directories holds {Shown.Quoted(path)}, which is no path below its address.");
            for (var end = path.Length; end > 0; end = path.LastIndexOf('/', end - 1))
                declared.Add(path[..end]);
        }
    }

    public string Description { get; }

    public TimeSpan? ClockSkew => client.ClockSkew;

    public TimeSpan FoundTtl => options.FoundTtl ?? DefaultFoundTtl;

    public TimeSpan AbsentTtl => options.AbsentTtl ?? DefaultAbsentTtl;

    public ValueTask<RegistryResult<TreeEntry>> FindAsync(string path, CancellationToken cancellation)
    {
        if (path.Length == 0 || declared.Contains(path)) return new(new TreeEntry(path, null));
        if (!TreePaths.IsPath(path)) return new(Unknown(path));
        return resilience.CallAsync<TreeEntry>(Shown.Quoted(path), async call =>
        {
            var asked = await probe.AskAsync(Shown.Quoted(path), address.OfFile(path), call);
            if (asked.Error is { Kind: RegistryErrorKind.NotFound })
            {
                // A server that has no redirect to /name/ may have that all the same.
                var slashed = await probe.AskAsync(Shown.Quoted(path), address.OfDirectory(path), call);
                if (slashed.IsOk) return new TreeEntry(path, null);
                return slashed.Error!.Kind is RegistryErrorKind.Unavailable ? slashed.Error : asked.Error;
            }

            if (asked.Error is { } error) return error;
            var found = asked.Value;
            return new TreeEntry(path, found.IsDirectory ? null : new TreeFile(path, found.Length, found.Validator ?? validators.Next(), found.Modified));
        }, cancellation);
    }

    public ValueTask<RegistryResult<ListedName[]>> ListAsync(string path, CancellationToken cancellation)
    {
        var what = $"the names in {Shown.Quoted(path.Length == 0 ? "/" : path)}";
        return resilience.CallAsync<ListedName[]>(what, async call =>
        {
            var question = new Question(what, address.OfDirectory(path), Treatment: Impatient)
            {
                // Caddy answers in JSON; the others in HTML whatever is asked for.
                Headers = [new("Accept", "application/json, text/html;q=0.9, */*;q=0.1")],
            };
            var answer = await client.AskAsync(question, call);
            if (answer.Error is { } error) return error;
            using var response = answer.Value;
            if (response.StatusCode is HttpStatusCode.NotFound or HttpStatusCode.Gone && path.Length > 0 && !declared.Contains(path)) return Unknown(path);
            if (response.StatusCode >= HttpStatusCode.InternalServerError)
                return client.Error(RegistryErrorKind.Unavailable, question, $"answered {(int)response.StatusCode}");
            if (response.StatusCode != HttpStatusCode.OK) return NoIndex(question, $"answered {(int)response.StatusCode}");
            return await ReadAsync(question, response, call);
        }, cancellation);
    }

    public ValueTask<RegistryResult<ContentStream>> OpenAsync(TreeFile file, long offset, long length, CancellationToken cancellation)
    {
        var what = $"the content of {Shown.Quoted(file.Path)}";
        return resilience.CallAsync<ContentStream>(what, async call =>
        {
            if (file.Size == 0 || length == 0) return new ContentStream(Stream.Null, offset, file.Size);
            var isGiven = TreeValidators.IsGiven(file.Validator);
            var isRanged = isGiven && file.Size is not null;
            var question = new Question(
                what, address.OfFile(file.Path), isRanged ? new RangeHeaderValue(offset, offset + length - 1) : null, Impatient)
            {
                Headers = TreeValidators.Precondition(file.Validator),
            };
            if (!isGiven && !validators.TryBegin(file.Validator))
                return Changed(question, "gives neither ETag nor Last-Modified, so that what was fetched of it before cannot be continued");
            var answer = await client.AskAsync(question, call);
            return answer.Error is { } error ? error : await CheckedAsync(question, answer.Value, file, offset, length, call);
        }, cancellation);
    }

    /// <summary>Asks for the root: whatever is said of it, the server is there.</summary>
    public ValueTask<RegistryResult<Unit>> PingAsync(CancellationToken cancellation) =>
        resilience.CallAsync<Unit>("asking whether it answers", async call =>
        {
            var answer = await client.AskAsync(new Question("asking whether it answers", address.Root, Treatment: Impatient) { Method = HttpMethod.Head }, call);
            if (answer.Error is { } error) return error;
            using var response = answer.Value;
            return response.StatusCode < HttpStatusCode.InternalServerError || response.StatusCode == HttpStatusCode.NotImplemented
                ? default(Unit)
                : client.Error(RegistryErrorKind.Unavailable, new Question("asking whether it answers", address.Root), $"answered {(int)response.StatusCode}");
        }, cancellation);

    public ValueTask DisposeAsync()
    {
        client.Dispose();
        return default;
    }

    private async ValueTask<RegistryResult<ListedName[]>> ReadAsync(Question question, HttpResponseMessage response, Call call)
    {
        string text;
        try
        {
            var body = new BoundedStream(await response.Content.ReadAsStreamAsync(call.Cancellation), MaxPage);
            using var reader = new StreamReader(body, Encoding.UTF8);
            text = await reader.ReadToEndAsync(call.Cancellation);
        }
        catch (AnswerTooLongException e)
        {
            return client.Error(RegistryErrorKind.Malformed, question, $"gave an index page that is refused, for {e.Message}");
        }
        catch (Exception e) when (e is IOException or HttpRequestException)
        {
            return client.Error(RegistryErrorKind.Unavailable, question, "broke off in the middle of its index page");
        }

        // Where it came from in the end is where its links start.
        var page = response.RequestMessage?.RequestUri ?? question.Target;
        if (IndexPage.Read(page, text, out var leftOut) is not { } names) return NoIndex(question, "shows no index of files there");
        if (leftOut > 0) log.NamesLeftOut(options.Name, leftOut, RegistryClient.Address(page));
        return names;
    }

    private async ValueTask<RegistryResult<ContentStream>> CheckedAsync(
        Question question, HttpResponseMessage response, TreeFile file, long offset, long length, Call call)
    {
        var isPartial = response.StatusCode == HttpStatusCode.PartialContent;
        if (!isPartial && response.StatusCode != HttpStatusCode.OK)
        {
            using (response) return Refusal(question, response);
        }

        var found = isPartial ? ContentHeaders.CheckPartial(response, file.Size, offset, length) : ContentHeaders.CheckWhole(response, file.Size);
        var isSame = !TreeValidators.IsGiven(file.Validator) || TreeValidators.Of(response) == file.Validator;
        if (!isSame || found.Fault is not null)
        {
            using (response)
            {
                return !isSame ? Changed(question, "has other content now than when it was looked up")
                    : ContentHeaders.IsEncoded(response.Content.Headers) ? client.Error(RegistryErrorKind.Malformed, question, found.Fault!)
                    : Changed(question, found.Fault!);
            }
        }

        var body = await response.Content.ReadAsStreamAsync(call.Cancellation);
        var stream = new BodyStream(response, body, found.Due, options.StallTimeout, time, count => Metrics.Received(options.Name, count));
        return new ContentStream(stream, isPartial ? offset : 0, found.Total);
    }

    private RegistryError Refusal(Question question, HttpResponseMessage response) => response.StatusCode switch
    {
        HttpStatusCode.PreconditionFailed or HttpStatusCode.RequestedRangeNotSatisfiable =>
            Changed(question, "has other content now than when it was looked up"),
        HttpStatusCode.NotFound or HttpStatusCode.Gone => Changed(question, $"answered {(int)response.StatusCode}: the file is gone since it was looked up"),
        >= HttpStatusCode.InternalServerError => client.Error(RegistryErrorKind.Unavailable, question, $"answered {(int)response.StatusCode}"),
        _ => client.Error(RegistryErrorKind.Malformed, question, $"answered {(int)response.StatusCode}"),
    };

    private RegistryError Changed(Question question, string fault) => client.Error(RegistryErrorKind.Changed, question, fault);

    private RegistryError NoIndex(Question question, string fault) =>
        client.Error(RegistryErrorKind.Unsupported, question, $"{fault}, so the directory cannot be listed; files in it are found by their names");

    private RegistryError Unknown(string path) => new(RegistryErrorKind.NotFound, $"Registry {options.Name} has no {Shown.Quoted(path)}.");
}
