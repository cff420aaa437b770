using System.Net;
using System.Net.Http.Headers;
using System.Text;
using Microsoft.Extensions.Logging;
using Polly.CircuitBreaker;
using Polly.Timeout;

namespace ModelFs.Registries.Http;

/// <param name="What">What is asked for, in words: the beginning of every message about it.</param>
internal sealed record Question(string What, Uri Target, RangeHeaderValue? Range = null, Treatment Treatment = default);

/// <summary>
/// Asks the configured origin, and those that it redirects to. What comes back is an answer that somebody has to read, or an error:
/// refused credentials, a host that may not be asked, an origin that is down.
/// </summary>
/// <remarks>Credentials, workspace and client certificate go to the configured scheme, host and port alone.</remarks>
internal sealed class RegistryClient : IDisposable
{
    private const int MaxRedirects = 5;

    // MLflow answers 503 also where it means "switched off"; its sentence begins so and is 200 bytes long.
    private const int SwitchedOffPrefix = 1024;

    private readonly Uri home;
    private readonly ClientIdentity identity;
    private readonly RegistryOptions options;
    private readonly ILogger log;
    private readonly Resilience resilience;
    private readonly HttpMessageInvoker toHome;
    private readonly HttpMessageInvoker toOthers;
    private int deniedLogged;

    public RegistryClient(Uri home, ClientIdentity identity, RegistryOptions options, ILogger log, Resilience resilience)
    {
        (this.home, this.identity, this.options, this.log, this.resilience) = (home, identity, options, log, resilience);
        var rule = new AddressRule(options.AllowInternalAddresses);
        toHome = Connector.ToHome(home, identity, rule);
        toOthers = Connector.ToOthers(rule);
    }

    /// <summary>The answer's headers, with the body still to come. The caller disposes of it.</summary>
    /// <returns>Any status but 401, 403, a redirect, or one that passes (those were tried again, and failed).
    /// A route that MLflow has switched off is 501.</returns>
    public async ValueTask<RegistryResult<HttpResponseMessage>> AskAsync(Question question, Call call)
    {
        var target = question.Target;
        for (var hop = 0; hop <= MaxRedirects; hop++)
        {
            var answer = await AskOneAsync(question, target, call);
            if (!answer.IsOk) return answer;
            var response = answer.Value;
            if (!IsRedirect(response.StatusCode)) return Judge(question, target, response);
            var location = response.Headers.Location;
            response.Dispose();
            if (location is null || !Uri.TryCreate(target, location, out var next))
                return Error(RegistryErrorKind.Malformed, question, target, "redirects to nowhere");
            target = next;
            if (target.Scheme != Uri.UriSchemeHttp && target.Scheme != Uri.UriSchemeHttps)
                return Error(RegistryErrorKind.Denied, question, $"redirects to {Shown.Escaped(target.Scheme)}:, which is not followed");
        }

        return Error(RegistryErrorKind.Malformed, question, $"redirects more than {MaxRedirects} times");
    }

    public RegistryError Error(RegistryErrorKind kind, Question question, Uri target, string fault)
    {
        Metrics.Failed(options.Name, kind);
        return new RegistryError(kind, $"{question.What}: {Address(target)} {identity.Redact(fault)}.");
    }

    public RegistryError Error(RegistryErrorKind kind, Question question, string fault) => Error(kind, question, question.Target, fault);

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
            return Error(RegistryErrorKind.Unavailable, question, target, $"failed repeatedly and is not asked again for {seconds} s");
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
            var reason = Shown.Escaped(Deepest(e).Message.TrimEnd('.'));
            return Error(RegistryErrorKind.Unavailable, question, target, $"cannot be reached: {reason}");
        }
    }

    private async ValueTask<HttpResponseMessage> AttemptAsync(Question question, Uri target, CancellationToken cancellation)
    {
        var atHome = IsHome(target);
        using var request = new HttpRequestMessage(HttpMethod.Get, target);
        request.Headers.Range = question.Range;
        request.Headers.AcceptEncoding.Add(new StringWithQualityHeaderValue("identity"));
        request.Headers.UserAgent.Add(new ProductInfoHeaderValue("modelfs", null));
        if (atHome)
        {
            request.Headers.Authorization = identity.Authorization;
            foreach (var (name, value) in identity.Headers) request.Headers.TryAddWithoutValidation(name, value);
        }

        Metrics.Asked(options.Name);
        try
        {
            var response = await (atHome ? toHome : toOthers).SendAsync(request, cancellation);
            if (response.StatusCode == HttpStatusCode.ServiceUnavailable && await IsSwitchedOffAsync(response, cancellation))
                response.StatusCode = HttpStatusCode.NotImplemented;
            return response;
        }
        catch (OperationCanceledException e) when (e.InnerException is TimeoutException && !cancellation.IsCancellationRequested)
        {
            throw new HttpRequestException(HttpRequestError.ConnectionError, "the connection was not accepted in time", e);
        }
    }

    private RegistryResult<HttpResponseMessage> Judge(Question question, Uri target, HttpResponseMessage response)
    {
        var status = (int)response.StatusCode;
        if (response.StatusCode is HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden)
        {
            response.Dispose();
            if (Interlocked.Exchange(ref deniedLogged, 1) == 0)
                log.CredentialsRefused(options.Name, Address(target), status, identity.Describe);
            return Error(RegistryErrorKind.Denied, question, target, $"answered {status}; {identity.Describe}");
        }

        if (Resilience.IsPassing(response.StatusCode))
        {
            var asked = response.Headers.RetryAfter is { } after ? $" and asks to be left alone ({after})" : "";
            response.Dispose();
            return Error(RegistryErrorKind.Unavailable, question, target, $"answered {status}{asked}");
        }

        if (response.IsSuccessStatusCode) Volatile.Write(ref deniedLogged, 0);
        return response;
    }

    private bool IsHome(Uri target) => Uri.Compare(
        target, home, UriComponents.SchemeAndServer, UriFormat.UriEscaped, StringComparison.OrdinalIgnoreCase) == 0;

    private static bool IsRedirect(HttpStatusCode status) => status is HttpStatusCode.MovedPermanently or HttpStatusCode.Found
        or HttpStatusCode.SeeOther or HttpStatusCode.TemporaryRedirect or HttpStatusCode.PermanentRedirect;

    private static async ValueTask<bool> IsSwitchedOffAsync(HttpResponseMessage response, CancellationToken cancellation)
    {
        var start = new byte[SwitchedOffPrefix];
        try
        {
            var body = await response.Content.ReadAsStreamAsync(cancellation);
            var count = await body.ReadAtLeastAsync(start, start.Length, throwOnEndOfStream: false, cancellation);
            var sentence = Encoding.UTF8.GetString(start, 0, count);
            return sentence.Contains(" disabled due to the mlflow server running ", StringComparison.Ordinal);
        }
        catch (IOException)
        {
            return false;
        }
    }

    private static Exception Deepest(Exception e)
    {
        while (e.InnerException is { } inner) e = inner;
        return e;
    }
}
