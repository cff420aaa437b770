using System.Net;
using System.Net.Http.Headers;
using System.Text;
using Microsoft.Extensions.Logging;
using Polly.CircuitBreaker;
using Polly.Timeout;

namespace ModelFs.Registries.Http;

/// <param name="What">What is asked for, in words: the beginning of every message about it.</param>
internal sealed record Question(string What, Uri Target, RangeHeaderValue? Range = null, Treatment Treatment = default)
{
    public HttpMethod Method { get; init; } = HttpMethod.Get;

    /// <summary>Besides those that every request has.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> Headers { get; init; } = [];

    /// <summary>Whether a redirect from one address to another is an answer in itself, and is not followed.</summary>
    public Func<Uri, Uri, bool>? EndsAt { get; init; }
}

/// <summary>
/// Asks the configured origin, and those that it redirects to. What comes back is an answer that somebody has to read, or an error:
/// refused credentials, a host that may not be asked, an origin that is down.
/// </summary>
/// <remarks>Credentials, workspace and client certificate go to the configured scheme, host and port alone.</remarks>
internal sealed class RegistryClient : IDisposable
{
    private const int MaxRedirects = 5;

    // MLflow answers 503 where it means 501: `mlflow server --artifacts-only` and `--no-serve-artifacts` say so in this sentence.
    private const string SwitchedOff = " disabled due to the mlflow server running ";

    // MLflow's sentences are 60 to 200 bytes long: that a route is switched off (503), that a host is not allowed (403).
    private const int MaxSentence = 1024;

    // Of a refusal that a program runs into again and again.
    private static readonly TimeSpan BetweenRefusalLines = TimeSpan.FromMinutes(1);

    private readonly Uri home;
    private readonly ClientIdentity identity;
    private readonly RegistryOptions options;
    private readonly ILogger log;
    private readonly Resilience resilience;
    private readonly HttpMessageInvoker toHome;
    private readonly HttpMessageInvoker toOthers;
    private readonly TimeProvider time;
    private long refusalLogged;
    private long skew = long.MinValue;

    public RegistryClient(
        Uri home, ClientIdentity identity, RegistryOptions options, ILogger log, Resilience resilience, TimeProvider time)
    {
        (this.home, this.identity, this.options, this.log, this.resilience, this.time) = (home, identity, options, log, resilience, time);
        var rule = new AddressRule(options.AllowInternalAddresses);
        toHome = Connector.ToHome(home, identity, rule);
        toOthers = Connector.ToOthers(rule);
    }

    /// <summary>The answer's headers, with the body still to come. The caller disposes of it.</summary>
    /// <returns>Any status but 401, 403, a redirect (unless the question ends at it), or one that passes (those were tried again, and failed).
    /// A route that MLflow has switched off is 501.</returns>
    public async ValueTask<RegistryResult<HttpResponseMessage>> AskAsync(Question question, Call call)
    {
        var target = question.Target;
        for (var hop = 0; hop <= MaxRedirects; hop++)
        {
            var answer = await AskOneAsync(question, target, call);
            if (!answer.IsOk) return answer;
            var response = answer.Value;
            if (!IsRedirect(response.StatusCode)) return await JudgeAsync(question, target, response, call);
            var location = response.Headers.Location;
            if (location is not null && Uri.TryCreate(target, location, out var next) && question.EndsAt?.Invoke(target, next) == true) return response;
            response.Dispose();
            if (location is null || !Uri.TryCreate(target, location, out next))
                return Error(RegistryErrorKind.Malformed, question, target, "redirects to nowhere");
            target = next;
            if (target.Scheme != Uri.UriSchemeHttp && target.Scheme != Uri.UriSchemeHttps)
                return Error(RegistryErrorKind.Denied, question, $"redirects to {Shown.Escaped(target.Scheme)}:, which is not followed");
        }

        return Error(RegistryErrorKind.Malformed, question, $"redirects more than {MaxRedirects} times");
    }

    /// <summary>How far the configured origin's clock was ahead of ours when it last answered; null where it did not say.</summary>
    public TimeSpan? ClockSkew => Volatile.Read(ref skew) is var ticks && ticks != long.MinValue ? TimeSpan.FromTicks(ticks) : null;

    public RegistryError Error(RegistryErrorKind kind, Question question, Uri target, string fault)
    {
        Metrics.Failed(options.Name, kind);
        return new RegistryError(kind, $"{question.What}: {Address(target)} {identity.Redact(fault)}.");
    }

    public RegistryError Error(RegistryErrorKind kind, Question question, string fault) => Error(kind, question, question.Target, fault);

    /// <summary>A server's own words, fit for a message. Secrets go first: what is cut short could hold half of one.</summary>
    public string Said(string text) => Shown.Escaped(identity.Redact(text));

    /// <summary>Where a request went, without query (it may hold a signature) and user.</summary>
    public static string Address(Uri target) =>
        Shown.Escaped(target.GetComponents(UriComponents.SchemeAndServer | UriComponents.Path, UriFormat.UriEscaped));

    public void Dispose()
    {
        toHome.Dispose();
        toOthers.Dispose();
    }

    private async ValueTask<RegistryResult<HttpResponseMessage>> AskOneAsync(Question question, Uri target, Call call)
    {
        try
        {
            return await resilience.SendAsync(target, question.Treatment, call, token => AttemptAsync(question, target, token));
        }
        catch (BrokenCircuitException e)
        {
            var seconds = Math.Max(1, Math.Ceiling(e.RetryAfter.GetValueOrDefault().TotalSeconds));
            var reason = e.InnerException is { } cause ? $" ({Shown.Reason(cause)})" : "";
            return Error(RegistryErrorKind.Unavailable, question, target, $"failed repeatedly{reason} and is not asked again for {seconds} s");
        }
        catch (TimeoutRejectedException) when (!call.Cancellation.IsCancellationRequested)
        {
            var limit = options.AttemptTimeout.TotalSeconds;
            return Error(RegistryErrorKind.Unavailable, question, target, $"gave no answer within {limit:0.###} s");
        }
        catch (HttpRequestException e) when (e.InnerException is AddressRefusedException refused)
        {
            return Error(RegistryErrorKind.Denied, question, target, $"is not asked: {refused.Message}");
        }
        catch (HttpRequestException e)
        {
            return Error(RegistryErrorKind.Unavailable, question, target, $"cannot be reached: {Shown.Reason(e)}");
        }
    }

    private async ValueTask<HttpResponseMessage> AttemptAsync(Question question, Uri target, CancellationToken cancellation)
    {
        var atHome = IsHome(target);
        using var request = new HttpRequestMessage(question.Method, target);
        request.Headers.Range = question.Range;
        request.Headers.AcceptEncoding.Add(new StringWithQualityHeaderValue("identity"));
        request.Headers.UserAgent.Add(new ProductInfoHeaderValue("modelfs", null));
        foreach (var (name, value) in question.Headers) request.Headers.TryAddWithoutValidation(name, value);
        if (atHome)
        {
            request.Headers.Authorization = identity.Authorization;
            foreach (var (name, value) in identity.Headers) request.Headers.TryAddWithoutValidation(name, value);
        }

        Metrics.Asked(options.Name);
        try
        {
            var response = await (atHome ? toHome : toOthers).SendAsync(request, cancellation);
            if (atHome && response.Headers.Date is { } date)
                Volatile.Write(ref skew, (date - time.GetUtcNow() + response.Headers.Age.GetValueOrDefault()).Ticks);
            if (response.StatusCode == HttpStatusCode.ServiceUnavailable
                && (await SentenceAsync(response, cancellation)).Contains(SwitchedOff, StringComparison.Ordinal))
                response.StatusCode = HttpStatusCode.NotImplemented;
            return response;
        }
        catch (OperationCanceledException e) when (e.InnerException is TimeoutException && !cancellation.IsCancellationRequested)
        {
            throw new HttpRequestException(HttpRequestError.ConnectionError, "the connection was not accepted in time", e);
        }
    }

    private async ValueTask<RegistryResult<HttpResponseMessage>> JudgeAsync(
        Question question, Uri target, HttpResponseMessage response, Call call)
    {
        var status = (int)response.StatusCode;
        if (response.StatusCode is HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden)
        {
            var sentence = await SentenceAsync(response, call.Cancellation);
            response.Dispose();
            LogRefusal(target, status);
            var said = sentence.Length == 0 || sentence.StartsWith('<') ? "" : $" ({Said(sentence.Trim())})";
            return Error(RegistryErrorKind.Denied, question, target, $"answered {status}{said}; {identity.Describe}");
        }

        if (!Resilience.IsPassing(response.StatusCode)) return response;
        var asked = response.Headers.RetryAfter is { } after ? $" and asks to be left alone ({after})" : "";
        response.Dispose();
        return Error(RegistryErrorKind.Unavailable, question, target, $"answered {status}{asked}");
    }

    private void LogRefusal(Uri target, int status)
    {
        var last = Volatile.Read(ref refusalLogged);
        var now = time.GetTimestamp();
        if (last != 0 && time.GetElapsedTime(last, now) < BetweenRefusalLines) return;
        if (Interlocked.CompareExchange(ref refusalLogged, now, last) == last)
            log.CredentialsRefused(options.Name, Address(target), status, identity.Describe);
    }

    private bool IsHome(Uri target) => Uri.Compare(
        target, home, UriComponents.SchemeAndServer, UriFormat.UriEscaped, StringComparison.OrdinalIgnoreCase) == 0;

    private static bool IsRedirect(HttpStatusCode status) => status is HttpStatusCode.MovedPermanently or HttpStatusCode.Found
        or HttpStatusCode.SeeOther or HttpStatusCode.TemporaryRedirect or HttpStatusCode.PermanentRedirect;

    /// <summary>The beginning of an error's body.</summary>
    private static async ValueTask<string> SentenceAsync(HttpResponseMessage response, CancellationToken cancellation)
    {
        var start = new byte[MaxSentence];
        try
        {
            var body = await response.Content.ReadAsStreamAsync(cancellation);
            var count = await body.ReadAtLeastAsync(start, start.Length, throwOnEndOfStream: false, cancellation);
            return Encoding.UTF8.GetString(start, 0, count);
        }
        catch (Exception e) when (e is IOException or HttpRequestException)
        {
            return "";
        }
    }
}
