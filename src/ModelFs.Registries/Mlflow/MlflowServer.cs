using System.Globalization;
using Microsoft.Extensions.Logging;
using ModelFs.Registries.Http;
using ModelFs.Registries.Local;

namespace ModelFs.Registries.Mlflow;

/// <summary>An MLflow tracking server over HTTP.</summary>
internal sealed class MlflowServer : IModelRegistry
{
    private const int PageSize = 1000; // the most that MLflow gives

    // Ten million models. A server whose pages have no end is stopped somewhere.
    private const int MaxPages = 10_000;

    private readonly RegistryOptions options;
    private readonly ILogger log;
    private readonly RegistryClient client;
    private readonly MlflowApi api;
    private readonly MlflowListing listing;
    private readonly MlflowContent content;
    private readonly LocalArtifacts local;
    private readonly LocationMemory locations;
    private readonly Resilience resilience;

    /// <exception cref="RegistryConfigurationException">A variable of MLflow's client makes no sense.</exception>
    public MlflowServer(Uri uri, RegistryOptions options, Func<string, string?> environment, ILogger log, TimeProvider time)
    {
        (this.options, this.log) = (options, log);
        // Without user, query and fragment from here on: what is in them must not show up anywhere.
        var home = new Uri(uri.GetComponents(UriComponents.SchemeAndServer | UriComponents.Path, UriFormat.UriEscaped));
        Description = $"mlflow {home.AbsoluteUri.TrimEnd('/')}";
        var credentials = MlflowCredentials.Read(uri, environment);
        var identity = new ClientIdentity(
            credentials.Authorization, ReadWorkspace(environment), MlflowTls.Read(environment), credentials.Source, credentials.Redact);
        resilience = new Resilience(options, log, time);
        client = new RegistryClient(home, identity, options, log, resilience, time);
        api = new MlflowApi(home, client);
        listing = new MlflowListing(api);
        content = new MlflowContent(api, options, log, time);
        locations = new LocationMemory(time);
        local = new LocalArtifacts(options.ArtifactRoots, options, log, time);
    }

    public string Description { get; }

    public TimeSpan? ClockSkew => client.ClockSkew;

    public ValueTask<RegistryResult<Page<Model>>> ListModelsAsync(string? pageToken, CancellationToken cancellation) =>
        resilience.CallAsync<Page<Model>>("the models", async call =>
        {
            var (number, token) = TakeApart(pageToken);
            var answer = await api.GetAsync(
                "the models",
                token is null
                    ? api.Rest("registered-models/search", ("max_results", $"{PageSize}"))
                    : api.Rest("registered-models/search", ("max_results", $"{PageSize}"), ("page_token", token)),
                MlflowJson.Default.SearchModelsJson, call);
            if (answer.Error is { } error) return error;
            var models = new List<Model>();
            foreach (var json in answer.Value.RegisteredModels ?? [])
            {
                if (json is not null && MlflowRecords.IsPrompt(json)) continue;
                if (MlflowRecords.ToModel(json, out var fault) is not { } model) return Refused("The models", fault);
                models.Add(model);
            }

            return ToPage("The models", models, answer.Value.NextPageToken, number, token);
        }, cancellation);

    public ValueTask<RegistryResult<Model>> GetModelAsync(string model, CancellationToken cancellation) =>
        resilience.CallAsync($"model {Shown.Quoted(model)}", call => FindModelAsync(model, call), cancellation);

    public ValueTask<RegistryResult<Page<ModelVersion>>> ListVersionsAsync(
        string model, string? pageToken, CancellationToken cancellation)
    {
        var what = $"the versions of model {Shown.Quoted(model)}";
        return resilience.CallAsync<Page<ModelVersion>>(what, async call =>
        {
            var (number, token) = TakeApart(pageToken);
            var answer = await api.GetAsync(what, SearchVersions(model, token), MlflowJson.Default.SearchVersionsJson, call);
            if (answer.Error is { } error) return error;
            var versions = new List<ModelVersion>();
            foreach (var json in answer.Value.ModelVersions ?? [])
            {
                if (json?.Name != model || !MlflowRecords.IsReadable(json.Status, json.CurrentStage, json.Source)) continue;
                if (MlflowRecords.ToVersion(json, out var fault) is not { } version) return Refused(what, fault);
                versions.Add(version);
            }

            // A search finds as little of a model without versions as of one that does not exist.
            if (answer.Value is { ModelVersions: null or { Count: 0 }, NextPageToken: null or "" } && number == 0)
            {
                var known = await FindModelAsync(model, call);
                if (known.Error is { } unknown) return unknown;
            }

            return ToPage(what, versions, answer.Value.NextPageToken, number, token);
        }, cancellation);
    }

    public ValueTask<RegistryResult<ModelVersion>> GetVersionAsync(string model, string version, CancellationToken cancellation)
    {
        var what = $"version {Shown.Quoted(version)} of model {Shown.Quoted(model)}";
        return resilience.CallAsync<ModelVersion>(what, async call =>
        {
            if (!MlflowRecords.IsName(model) || !MlflowRecords.IsVersionNumber(version)) return Unknown(what);
            var answer = await api.GetAsync(
                what, api.Rest("model-versions/get", ("name", model), ("version", version)), MlflowJson.Default.GetVersionJson, call);
            if (answer.Error is { } error) return error;
            var found = Readable(what, model, answer.Value.ModelVersion);
            return !found.IsOk || found.Value.Version == version ? found : Unknown(what);
        }, cancellation);
    }

    public ValueTask<RegistryResult<ModelVersion>> ResolveAliasAsync(string model, string alias, CancellationToken cancellation)
    {
        var what = $"alias {Shown.Quoted(alias)} of model {Shown.Quoted(model)}";
        return resilience.CallAsync<ModelVersion>(what, async call =>
        {
            if (!MlflowRecords.IsName(model) || !MlflowRecords.IsName(alias)) return Unknown(what);
            var answer = await api.GetAsync(
                what, api.Rest("registered-models/alias", ("name", model), ("alias", alias)), MlflowJson.Default.GetVersionJson, call,
                unknownIs400: true);
            return answer.Error is { } error ? error : Readable(what, model, answer.Value.ModelVersion);
        }, cancellation);
    }

    public ValueTask<RegistryResult<Manifest>> GetManifestAsync(ModelVersion version, CancellationToken cancellation)
    {
        var what = $"the files of version {version.Version} of model {Shown.Quoted(version.Model)}";
        return resilience.CallAsync<Manifest>(what, async call =>
        {
            var located = await LocateAsync(what, version, call);
            if (located.Error is { } error) return error;
            var (found, uri) = located.Value;
            var manifest = uri.Scheme == ArtifactScheme.Local
                ? await local.RunAsync(() => local.List(found, uri.Path), call.Cancellation)
                : await listing.ListAsync(found, uri, call);
            if (manifest.Error is { Kind: RegistryErrorKind.Malformed or RegistryErrorKind.Denied } refused)
                log.ManifestRefused(options.Name, $"{Shown.Escaped(version.Model)}/{version.Version}", refused.Message);
            return manifest;
        }, cancellation);
    }

    public ValueTask<RegistryResult<ContentStream>> OpenAsync(
        ModelVersion version, ManifestFile file, long offset, long length, CancellationToken cancellation)
    {
        var what = $"the content of {Shown.Quoted(file.Path)}";
        return resilience.CallAsync<ContentStream>(what, async call =>
        {
            if (ManifestBuilder.PathFault(file.Path) is { } fault) return Refused(what, fault);
            if (file.Size == 0 || length == 0) return new ContentStream(Stream.Null, offset, file.Size);
            if (version.ContentUri.Length == 0 && locations.Find(version) is { } known)
            {
                var opened = await OpenAtAsync(known.Version, known.Uri, file, offset, length, call);
                if (opened.Error is not { Kind: RegistryErrorKind.NotFound }) return opened;
                locations.Forget(version); // it may lie elsewhere by now
            }

            var located = version.ContentUri.Length > 0 ? Parse(what, version) : await LocateAsync(what, version, call);
            if (located.Error is { } error) return error;
            return await OpenAtAsync(located.Value.Version, located.Value.Uri, file, offset, length, call);
        }, cancellation);
    }

    /// <summary>Asks for one model: the cheapest request that needs the database and our credentials, as all others do.</summary>
    public ValueTask<RegistryResult<Unit>> PingAsync(CancellationToken cancellation) =>
        resilience.CallAsync<Unit>("asking whether it answers", async call =>
        {
            var answer = await api.GetAsync(
                "asking whether it answers", api.Rest("registered-models/search", ("max_results", "1")), MlflowJson.Default.SearchModelsJson,
                call);
            return answer.Error switch
            {
                null => default(Unit),
                // Not one answer of MLflow's: nothing will come of it however long somebody waits.
                { Kind: RegistryErrorKind.Unsupported } error => error with { Message = $"{error.Message.TrimEnd('.')}: no MLflow server has its base there; see to the path in uri." },
                var error => error,
            };
        }, cancellation);

    public ValueTask DisposeAsync()
    {
        client.Dispose();
        return default;
    }

    private static KeyValuePair<string, string>[] ReadWorkspace(Func<string, string?> environment)
    {
        if (environment("MLFLOW_WORKSPACE") is not { Length: > 0 } workspace) return [];
        if (workspace.Any(c => !char.IsAscii(c) || char.IsControl(c)))
            throw new RegistryConfigurationException("MLFLOW_WORKSPACE is sent as a header and can hold printable ASCII only.");
        return [new("X-MLFLOW-WORKSPACE", workspace)];
    }

    private async ValueTask<RegistryResult<Model>> FindModelAsync(string model, Call call)
    {
        var what = $"model {Shown.Quoted(model)}";
        if (!MlflowRecords.IsName(model)) return Unknown(what);
        var answer = await api.GetAsync(
            what, api.Rest("registered-models/get", ("name", model)), MlflowJson.Default.GetModelJson, call);
        if (answer.Error is { } error) return error;
        if (answer.Value.RegisteredModel is { } json && MlflowRecords.IsPrompt(json)) return Unknown(what);
        if (MlflowRecords.ToModel(answer.Value.RegisteredModel, out var fault) is not { } found) return Refused(what, fault);
        // Databases that compare without case find `iris` for `IRIS`; a file system has one name for one thing.
        return found.Name == model ? found : Unknown(what);
    }

    /// <summary>Asks where a version's files lie; its <c>source</c> is for people and may lead elsewhere.</summary>
    private async ValueTask<RegistryResult<(ModelVersion Version, ArtifactUri Uri)>> LocateAsync(
        string what, ModelVersion version, Call call)
    {
        var answer = await api.GetAsync(
            what, api.Rest("model-versions/get-download-uri", ("name", version.Model), ("version", version.Version)),
            MlflowJson.Default.DownloadUriJson, call);
        if (answer.Error is { } error) return error;
        var located = Parse(what, version with { ContentUri = answer.Value.ArtifactUri ?? "" });
        if (located.IsOk) locations.Learn(located.Value.Version, located.Value.Uri);
        return located;
    }

    private RegistryResult<(ModelVersion Version, ArtifactUri Uri)> Parse(string what, ModelVersion version)
    {
        if (version.ContentUri == MlflowRecords.PromptSource) return Unknown(what);
        return ArtifactUri.TryParse(version.ContentUri, out var uri)
            ? (version, uri)
            : Refused(what, $"they lie in {Shown.Quoted(version.ContentUri)}");
    }

    private async ValueTask<RegistryResult<ContentStream>> OpenAtAsync(
        ModelVersion version, ArtifactUri uri, ManifestFile file, long offset, long length, Call call) =>
        uri.Scheme == ArtifactScheme.Local
            ? await local.RunAsync(() => local.OpenContent($"{uri.Path.TrimEnd('/')}/{file.Path}", file, offset, length), call.Cancellation)
            : await content.OpenAsync(version, uri, file, offset, length, call);

    private Uri SearchVersions(string model, string? token)
    {
        // MLflow's filter knows both quotes and no way to escape them. A name with both is found by looking at every version there is.
        var quote = !model.Contains('\'', StringComparison.Ordinal) ? '\''
            : !model.Contains('"', StringComparison.Ordinal) ? '"'
            : (char?)null;
        var filter = $"name={quote}{model}{quote}";
        return (quote, token) switch
        {
            (null, null) => api.Rest("model-versions/search"),
            (null, _) => api.Rest("model-versions/search", ("page_token", token)),
            (_, null) => api.Rest("model-versions/search", ("filter", filter)),
            _ => api.Rest("model-versions/search", ("filter", filter), ("page_token", token)),
        };
    }

    private RegistryResult<ModelVersion> Readable(string what, string model, ModelVersionJson? json)
    {
        if (MlflowRecords.ToVersion(json, out var fault) is not { } version) return Refused(what, fault);
        return version.Model == model && MlflowRecords.IsReadable(json!.Status, json.CurrentStage, json.Source) ? version : Unknown(what);
    }

    // Our token is the number of the page and the server's token, so that pages that go round in a circle come to an end.
    private static (int Number, string? Token) TakeApart(string? pageToken)
    {
        if (pageToken is null) return (0, null);
        var colon = pageToken.IndexOf(':', StringComparison.Ordinal);
        return (int.Parse(pageToken.AsSpan(0, colon), NumberStyles.None, CultureInfo.InvariantCulture), pageToken[(colon + 1)..]);
    }

    private RegistryResult<Page<T>> ToPage<T>(string what, List<T> items, string? next, int number, string? token)
    {
        if (string.IsNullOrEmpty(next)) return new Page<T>(items, null);
        if (next == token) return Refused(what, "a page names itself as the next one");
        if (number + 1 >= MaxPages) return Refused(what, $"there are more than {MaxPages} pages of them");
        return new Page<T>(items, string.Create(CultureInfo.InvariantCulture, $"{number + 1}:{next}"));
    }

    private RegistryError Unknown(string what) => new(RegistryErrorKind.NotFound, $"Registry {options.Name} has no {what}.");

    private RegistryError Refused(string what, string fault)
    {
        Metrics.Failed(options.Name, RegistryErrorKind.Malformed);
        return new RegistryError(RegistryErrorKind.Malformed, $"{what}: registry {options.Name} answered what is refused: {fault}.");
    }
}
