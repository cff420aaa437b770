using System.Net;
using System.Net.Http.Headers;
using Microsoft.Extensions.Logging;
using ModelFs.Registries.Http;

namespace ModelFs.Registries.Mlflow;

/// <summary>
/// The bytes of a file, by the best route that this server has: the artifact proxy where it honours ranges, else
/// <c>model-versions/get-artifact</c>, which does in every version of MLflow, else the whole file from the proxy as one stream.
/// What a route can do is learned from requests that were to be made anyway: no probe moves a byte that nobody asked for.
/// </summary>
internal sealed class MlflowContent(MlflowApi api, RegistryOptions options, ILogger log, TimeProvider time)
{
    // A small file may be had whole from a proxy that knows no ranges, and it tells whether it does.
    private const long SmallFile = 1 << 20;

    private readonly RouteMemory proxy = new(time);
    private readonly RouteMemory artifact = new(time);

    private enum Route
    {
        Proxy,
        Artifact,
    }

    private readonly record struct Try(Route Route, bool Ranged);

    public static Uri ArtifactAddress(MlflowApi api, ModelVersion version, string path) => api.Address(
        "/model-versions/get-artifact", ("name", version.Model), ("version", version.Version), ("path", path));

    public async ValueTask<RegistryResult<ContentStream>> OpenAsync(
        ModelVersion version, ArtifactUri content, ManifestFile file, long offset, long length, Call call)
    {
        var proxyBase = content.Scheme == ArtifactScheme.Proxy ? api.ProxyOf(content) : null;
        // Of a proxy elsewhere nothing is remembered: there may be any number of them.
        var memory = proxyBase == api.Proxy ? proxy : new RouteMemory(time);
        RegistryError? worst = null;
        foreach (var attempt in Plan(proxyBase is not null, memory.State, artifact.State, file.Size))
        {
            var path = MlflowApi.EscapePath($"{content.Path}/{file.Path}".TrimStart('/'));
            var (target, learned, name) = attempt.Route == Route.Proxy
                ? (new Uri($"{proxyBase}/{path}"), memory, "the artifact proxy")
                : (ArtifactAddress(api, version, file.Path), artifact, "get-artifact");
            var opened = await TryAsync(attempt, target, learned, name, file, offset, length, call);
            if (opened.Error is not { } error) return opened;
            // A route that cannot serve this file leaves it to the next; one that lies, or an origin that is down, ends it. A proxy that
            // only breaks off may be an old one, which does so when a name is not ASCII.
            var mayFollow = error.Kind is RegistryErrorKind.NotFound or RegistryErrorKind.Unsupported
                || (error.Kind == RegistryErrorKind.Unavailable && attempt.Route == Route.Proxy);
            if (!mayFollow) return error;
            if (worst is null || error.Kind == RegistryErrorKind.NotFound) worst = error;
        }

        return worst!;
    }

    /// <summary>The routes in the order of their worth, given what is known of them.</summary>
    private static List<Try> Plan(bool hasProxy, RouteState proxy, RouteState artifact, long? size)
    {
        var plan = new List<Try>(4);
        var mayRange = artifact is RouteState.Ranges or RouteState.Unknown;
        if (hasProxy && (proxy == RouteState.Ranges || (proxy == RouteState.Unknown && (size <= SmallFile || !mayRange))))
            plan.Add(new(Route.Proxy, Ranged: true));
        if (mayRange) plan.Add(new(Route.Artifact, Ranged: true));
        if (artifact == RouteState.Whole) plan.Add(new(Route.Artifact, Ranged: false));
        if (hasProxy && !plan.Contains(new(Route.Proxy, Ranged: true))) plan.Add(new(Route.Proxy, Ranged: proxy != RouteState.Whole));
        // What was absent may have come back, and is asked when all else has failed.
        if (artifact == RouteState.Absent) plan.Add(new(Route.Artifact, Ranged: true));
        return plan;
    }

    private async ValueTask<RegistryResult<ContentStream>> TryAsync(
        Try attempt, Uri target, RouteMemory memory, string name, ManifestFile file, long offset, long length, Call call)
    {
        var question = new Question(
            $"the content of {Shown.Quoted(file.Path)}", target,
            attempt.Ranged ? new RangeHeaderValue(offset, offset + length - 1) : null,
            new Treatment(
                // A proxy that sends ranges sends a file of its own disk, and has nothing to copy first.
                Patient: !attempt.Ranged || (attempt.Route == Route.Proxy && memory.State != RouteState.Ranges), RetryBrokenAnswers: false));
        var answer = await api.Client.AskAsync(question, call);
        if (answer.Error is { } error) return error;
        var response = answer.Value;
        switch (response.StatusCode)
        {
            case HttpStatusCode.PartialContent:
                Learn(memory, RouteState.Ranges, name, "honours ranges");
                return await CheckedAsync(question, response, ContentHeaders.CheckPartial(response, file.Size, offset, length), offset, call);
            case HttpStatusCode.OK:
                // An empty file is answered whole by servers that do know ranges.
                if (attempt.Ranged && file.Size != 0) Learn(memory, RouteState.Whole, name, "sends whole files");
                return await CheckedAsync(question, response, ContentHeaders.CheckWhole(response, file.Size), 0, call);
            default:
                using (response) return await RefusalAsync(question, response, memory, name, call);
        }
    }

    private async ValueTask<RegistryError> RefusalAsync(
        Question question, HttpResponseMessage response, RouteMemory memory, string name, Call call)
    {
        switch (response.StatusCode)
        {
            case HttpStatusCode.RequestedRangeNotSatisfiable:
                return api.Client.Error(RegistryErrorKind.Malformed, question, "says that the file is shorter than the registry listed it");
            case HttpStatusCode.InternalServerError:
                // Both routes answer so for a file that is not there. It tells nothing of the route.
                return api.Client.Error(RegistryErrorKind.NotFound, question, "answered 500, which is MLflow's word for a missing file");
            case HttpStatusCode.Conflict or HttpStatusCode.UpgradeRequired:
                Learn(memory, RouteState.Absent, name, "asks for presigned downloads, which are not spoken here");
                return api.Client.Error(RegistryErrorKind.Unsupported, question, "serves presigned downloads only");
        }

        var error = await api.ErrorOfAsync(question, response, call);
        if (error.Kind == RegistryErrorKind.Unsupported) Learn(memory, RouteState.Absent, name, "is not there, or is switched off");
        return error;
    }

    private async ValueTask<RegistryResult<ContentStream>> CheckedAsync(
        Question question, HttpResponseMessage response, ContentHeaders found, long offset, Call call)
    {
        if (found.Fault is { } fault)
        {
            response.Dispose();
            return api.Client.Error(RegistryErrorKind.Malformed, question, fault);
        }

        var body = await response.Content.ReadAsStreamAsync(call.Cancellation);
        var stream = new BodyStream(
            response, body, found.Due, options.StallTimeout, time, count => Metrics.Received(options.Name, count));
        return new ContentStream(stream, offset, found.Total);
    }

    private void Learn(RouteMemory memory, RouteState state, string name, string finding)
    {
        if (memory.Learn(state) && (memory == proxy || memory == artifact)) log.RouteLearned(options.Name, name, finding);
    }
}
