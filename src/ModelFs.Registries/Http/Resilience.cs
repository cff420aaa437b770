using System.Collections.Concurrent;
using System.Net;
using Microsoft.Extensions.Logging;
using Polly;
using Polly.CircuitBreaker;
using Polly.Retry;
using Polly.Timeout;

namespace ModelFs.Registries.Http;

/// <summary>One call of <see cref="IModelRegistry"/> while it runs: when it ends, whatever happens, and how much of that is left.</summary>
internal sealed record Call(CancellationToken Cancellation, long Started, TimeSpan Total, TimeProvider Time)
{
    public TimeSpan Remaining => Total - Time.GetElapsedTime(Started);
}

/// <summary>How one request may be treated.</summary>
/// <param name="Patient">No attempt timeout: the server copies the whole object before it answers. The call's deadline still holds.</param>
/// <param name="RetryBrokenAnswers">Whether a connection that ends without an answer is worth more than one further attempt. For artifacts it is
/// not: some servers answer so, every time, when a file's name is not ASCII.</param>
internal readonly record struct Treatment(bool Patient, bool RetryBrokenAnswers);

/// <summary>
/// The one place that says how often and how long anything is tried: a total deadline for a call, and for each of its requests
/// jittered retries, a breaker for the origin, and an attempt timeout.
/// </summary>
/// <remarks>
/// What an <see cref="Outage"/> calls a stall is waited out: whoever asks then is told nothing but an answer until the call's deadline, be the
/// breaker open or not. An origin that has failed for longer, or has never answered, is given few attempts, and none while the breaker is open.
/// </remarks>
internal sealed class Resilience(RegistryOptions options, ILogger log, TimeProvider time)
{
    // Four retries of 0.2 s doubling, jittered: about 3 s in all, for an origin that is not known to be well.
    private const int Retries = 4;
    private static readonly TimeSpan FirstDelay = TimeSpan.FromMilliseconds(200);

    // Of what a body may stay silent. Half as much again, because whoever was given such a body asks anew only then.
    private const double StallsWaitedOut = 1.5;

    // With less than it left nothing is tried again: the last failure says more than that the time is over.
    private static readonly TimeSpan MostDelay = TimeSpan.FromSeconds(2);

    // Whoever waits for the breaker looks again so often: it lets one of them through after each break, and all once that one was answered.
    private static readonly TimeSpan BreakerDelay = TimeSpan.FromMilliseconds(500);

    // Open for 4 s, then one probe of at most 4 s: an origin that is well again is used within 10 s, even if the last probe hangs.
    private static readonly TimeSpan Break = TimeSpan.FromSeconds(4);
    private static readonly TimeSpan Probe = TimeSpan.FromSeconds(4);

    // Redirects name origins; a registry that names many must not grow us. Those beyond share one pipeline.
    private const int MaxOrigins = 64;

    private static readonly ResiliencePropertyKey<Attempts> AttemptsKey = new("attempts");

    private readonly ConcurrentDictionary<string, Origin> origins = new(StringComparer.OrdinalIgnoreCase);

    private readonly ResiliencePipeline deadline =
        new ResiliencePipelineBuilder { TimeProvider = time }.AddTimeout(options.TotalTimeout).Build();

    /// <summary>Runs a call under its total deadline.</summary>
    public async ValueTask<RegistryResult<T>> CallAsync<T>(
        string what, Func<Call, ValueTask<RegistryResult<T>>> body, CancellationToken cancellation)
    {
        var started = time.GetTimestamp();
        try
        {
            return await deadline.ExecuteAsync(
                async token => await body(new Call(token, started, options.TotalTimeout, time)), cancellation);
        }
        catch (TimeoutRejectedException)
        {
            return new RegistryError(
                RegistryErrorKind.Unavailable,
                $"{what}: registry {options.Name} gave no answer within {options.TotalTimeout.TotalSeconds:0.###} s.");
        }
    }

    /// <summary>Sends one request to one origin, with its retries. Throws what the last attempt threw.</summary>
    public async ValueTask<HttpResponseMessage> SendAsync(
        Uri origin, Treatment treatment, Call call, Func<CancellationToken, ValueTask<HttpResponseMessage>> attempt)
    {
        var context = ResilienceContextPool.Shared.Get(call.Cancellation);
        try
        {
            var asked = For(origin);
            context.Properties.Set(AttemptsKey, new Attempts(call, treatment, asked.Outage.IsStallAtMost));
            return await asked.Pipeline.ExecuteAsync(
                static async (context, attempt) => await attempt(context.CancellationToken), context, attempt);
        }
        finally
        {
            ResilienceContextPool.Shared.Return(context);
        }
    }

    private Origin For(Uri target)
    {
        var origin = target.GetComponents(UriComponents.SchemeAndServer, UriFormat.UriEscaped);
        if (origins.TryGetValue(origin, out var known)) return known;
        return origins.GetOrAdd(origins.Count < MaxOrigins ? origin : "others", Build);
    }

    private Origin Build(string origin)
    {
        var breaker = new CircuitBreakerStateProvider();
        var outage = new Outage(options.StallTimeout * StallsWaitedOut, time);
        var pipeline = new ResiliencePipelineBuilder<HttpResponseMessage> { TimeProvider = time }
            .AddRetry(new RetryStrategyOptions<HttpResponseMessage>
            {
                MaxRetryAttempts = int.MaxValue,
                ShouldHandle = arguments => ValueTask.FromResult(MayRetry(arguments.Outcome, arguments.AttemptNumber, Of(arguments.Context))),
                DelayGenerator = arguments => ValueTask.FromResult<TimeSpan?>(DelayAfter(arguments.Outcome, arguments.AttemptNumber)),
            })
            .AddCircuitBreaker(new CircuitBreakerStrategyOptions<HttpResponseMessage>
            {
                FailureRatio = 0.9,
                MinimumThroughput = 4,
                SamplingDuration = TimeSpan.FromSeconds(10),
                BreakDuration = Break,
                StateProvider = breaker,
                ShouldHandle = arguments => ValueTask.FromResult(IsOriginDown(arguments.Outcome)),
                OnOpened = arguments =>
                {
                    var reason = arguments.Outcome is { Result: { } response } ? $"HTTP {(int)response.StatusCode}" : Shown.Reason(arguments.Outcome.Exception!);
                    log.OriginDown(options.Name, origin, reason, arguments.BreakDuration.TotalSeconds);
                    return default;
                },
                OnClosed = _ =>
                {
                    log.OriginBack(options.Name, origin);
                    return default;
                },
            })
            .AddStrategy(_ => new OutageStrategy(outage, time), new OutageStrategyOptions())
            .AddTimeout(new TimeoutStrategyOptions
            {
                TimeoutGenerator = arguments => ValueTask.FromResult(AttemptTimeout(Of(arguments.Context).Treatment, breaker)),
            })
            .Build();
        return new Origin(pipeline, outage);
    }

    private TimeSpan AttemptTimeout(Treatment treatment, CircuitBreakerStateProvider breaker)
    {
        if (breaker.CircuitState == CircuitState.HalfOpen && options.AttemptTimeout > Probe) return Probe;
        return treatment.Patient ? Timeout.InfiniteTimeSpan : options.AttemptTimeout;
    }

    private static Attempts Of(ResilienceContext context) => context.Properties.GetValue(AttemptsKey, null!);

    /// <param name="attempt">How many came before this one.</param>
    private static bool MayRetry(Outcome<HttpResponseMessage> outcome, int attempt, Attempts attempts)
    {
        var (call, treatment, isStallAtMost) = attempts;
        if (isStallAtMost ? call.Remaining < MostDelay : attempt >= Retries) return false;
        switch (outcome)
        {
            case { Exception: BrokenCircuitException }:
                return isStallAtMost;
            case { Exception: HttpRequestException { InnerException: AddressRefusedException } }:
                return false;
            case { Exception: HttpRequestException { HttpRequestError: HttpRequestError.ResponseEnded or HttpRequestError.Unknown } }:
                return treatment.RetryBrokenAnswers || attempt == 0;
            case { Exception: HttpRequestException e }:
                // A certificate that is not trusted now is not trusted in a second.
                return e.HttpRequestError is HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError;
            case { Exception: TimeoutRejectedException }:
                return true;
            case { Exception: not null } or { Result: null }:
                return false;
            case { Result: var response }:
                return IsPassing(response.StatusCode) && AskedDelay(response).GetValueOrDefault() < call.Remaining;
        }
    }

    /// <summary>Statuses that mean "not now". A 500 is none: MLflow answers so when a file is missing.</summary>
    public static bool IsPassing(HttpStatusCode status) => status is HttpStatusCode.RequestTimeout or HttpStatusCode.TooManyRequests
        or HttpStatusCode.BadGateway or HttpStatusCode.ServiceUnavailable or HttpStatusCode.GatewayTimeout;

    private static TimeSpan DelayAfter(Outcome<HttpResponseMessage> outcome, int attempt)
    {
        if (outcome.Exception is BrokenCircuitException) return BreakerDelay;
        var delay = FirstDelay * (1 << Math.Min(attempt, 8)) * (0.5 + Random.Shared.NextDouble());
        if (delay > MostDelay) delay = MostDelay;
        // An origin that asks for none at all would be asked without a pause.
        return AskedDelay(outcome.Result) is { } asked && asked > delay ? asked : delay;
    }

    private static bool IsOriginDown(Outcome<HttpResponseMessage> outcome) => outcome switch
    {
        { Exception: HttpRequestException e } => e.InnerException is not AddressRefusedException
            && e.HttpRequestError is HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError,
        { Exception: TimeoutRejectedException } => true,
        { Result.StatusCode: HttpStatusCode.BadGateway or HttpStatusCode.ServiceUnavailable or HttpStatusCode.GatewayTimeout } => true,
        _ => false,
    };

    private static TimeSpan? AskedDelay(HttpResponseMessage? response) => response?.Headers.RetryAfter switch
    {
        { Delta: { } delta } => delta,
        { Date: { } date } when response.Headers.Date is { } now && date > now => date - now,
        _ => null,
    };

    private sealed record Origin(ResiliencePipeline<HttpResponseMessage> Pipeline, Outage Outage);

    /// <param name="IsStallAtMost">What the origin's <see cref="Outage"/> said when the first attempt began.</param>
    private sealed record Attempts(Call Call, Treatment Treatment, bool IsStallAtMost);

    /// <summary>Behind the breaker, so that it sees what an origin did and not what it was not asked.</summary>
    private sealed class OutageStrategy(Outage outage, TimeProvider time) : ResilienceStrategy<HttpResponseMessage>
    {
        protected override async ValueTask<Outcome<HttpResponseMessage>> ExecuteCore<TState>(
            Func<ResilienceContext, TState, ValueTask<Outcome<HttpResponseMessage>>> callback, ResilienceContext context, TState state)
        {
            var began = time.GetTimestamp();
            var outcome = await callback(context, state);
            if (IsOriginDown(outcome)) outage.Failed(began);
            else if (outcome.Exception is null) outage.Answered();
            return outcome;
        }
    }

    private sealed class OutageStrategyOptions : ResilienceStrategyOptions;
}
