using Microsoft.Extensions.Logging;
using ModelFs.Registries.Http;
using ModelFs.Registries.Local;

namespace ModelFs.Registries.Mlflow;

/// <summary>A local MLflow store without its server: what it wrote is read directly, and the files where that says they lie.</summary>
internal sealed class LocalMlflow : IModelRegistry
{
    // models:/a/1 -> models:/m-… -> mlflow-artifacts:/… is as deep as it gets; a circle is possible in what is written down.
    private const int MaxIndirections = 8;

    private readonly ILocalStore store;
    private readonly string? destination;
    private readonly LocalArtifacts artifacts;

    // A store and the files that it speaks of may lie on two servers, of which one hangs.
    private readonly BlockingThreads threads;
    private readonly Resilience resilience;
    private readonly RegistryOptions options;
    private readonly ILogger log;

    /// <param name="roots">Directories of the store's own, below which it may name files.</param>
    public LocalMlflow(ILocalStore store, IReadOnlyList<string> roots, RegistryOptions options, ILogger log, TimeProvider time)
    {
        (this.store, this.options, this.log) = (store, options, log);
        resilience = new Resilience(options, log, time);
        threads = new BlockingThreads($"{options.Name}-store", 4);
        destination = options.ArtifactsDestination is { } setting ? LocalPath(setting) : null;
        // What a server makes beside its store by default, and what ours does.
        string[] destinations = destination is not null ? [destination] : [Beside("mlartifacts"), Beside("artifacts")];
        artifacts = new LocalArtifacts([.. destinations, .. roots, .. options.ArtifactRoots], options, log, time);
    }

    public string Description => store.Description;

    public ValueTask<RegistryResult<Page<Model>>> ListModelsAsync(string? pageToken, CancellationToken cancellation) =>
        AskAsync<Page<Model>>("the models", () =>
        {
            var (found, next) = store.Models(pageToken);
            var models = new List<Model>(found.Count);
            foreach (var json in found)
            {
                if (MlflowRecords.ToModel(json, out var fault) is not { } model) return Refused(fault);
                models.Add(model);
            }

            return new Page<Model>(models, next);
        }, cancellation);

    public ValueTask<RegistryResult<Model>> GetModelAsync(string model, CancellationToken cancellation) =>
        AskAsync<Model>($"model {Shown.Quoted(model)}", () =>
        {
            if (store.Model(model) is not { } json) return Unknown($"model {Shown.Quoted(model)}");
            return MlflowRecords.ToModel(json, out var fault) is { } found ? found : Refused(fault);
        }, cancellation);

    public ValueTask<RegistryResult<Page<ModelVersion>>> ListVersionsAsync(
        string model, string? pageToken, CancellationToken cancellation) =>
        AskAsync<Page<ModelVersion>>($"the versions of model {Shown.Quoted(model)}", () =>
        {
            var versions = new List<ModelVersion>();
            foreach (var json in store.Versions(model))
            {
                if (!MlflowRecords.IsReadable(json.Status, json.CurrentStage, json.Source)) continue;
                if (MlflowRecords.ToVersion(json, out var fault) is not { } version) return Refused(fault);
                versions.Add(version);
            }

            if (versions.Count == 0 && store.Model(model) is null) return Unknown($"model {Shown.Quoted(model)}");
            return new Page<ModelVersion>(versions, null);
        }, cancellation);

    public ValueTask<RegistryResult<ModelVersion>> GetVersionAsync(string model, string version, CancellationToken cancellation) =>
        AskAsync($"version {Shown.Quoted(version)} of model {Shown.Quoted(model)}", () => Readable(
            MlflowRecords.IsVersionNumber(version) ? store.Version(model, version) : null,
            $"version {Shown.Quoted(version)} of model {Shown.Quoted(model)}"), cancellation);

    public ValueTask<RegistryResult<ModelVersion>> ResolveAliasAsync(string model, string alias, CancellationToken cancellation) =>
        AskAsync($"alias {Shown.Quoted(alias)} of model {Shown.Quoted(model)}", () => Readable(
            store.Alias(model, alias), $"alias {Shown.Quoted(alias)} of model {Shown.Quoted(model)}"), cancellation);

    public ValueTask<RegistryResult<Manifest>> GetManifestAsync(ModelVersion version, CancellationToken cancellation) =>
        AskAsync<Manifest>($"the files of version {version.Version} of model {Shown.Quoted(version.Model)}", artifacts.RunAsync, () =>
        {
            if (store.DownloadUri(version.Model, version.Version) is not { } uri)
                return Unknown($"version {version.Version} of model {Shown.Quoted(version.Model)}");
            var found = version with { ContentUri = uri };
            var directory = DirectoryOf(found);
            if (directory.Error is { } error) return error;
            var manifest = artifacts.List(found, directory.Value);
            if (manifest.Error is { Kind: RegistryErrorKind.Malformed or RegistryErrorKind.Denied } refused)
                log.ManifestRefused(options.Name, $"{Shown.Escaped(version.Model)}/{version.Version}", refused.Message);
            return manifest;
        }, cancellation);

    public ValueTask<RegistryResult<ContentStream>> OpenAsync(
        ModelVersion version, ManifestFile file, long offset, long length, CancellationToken cancellation) =>
        AskAsync<ContentStream>($"the content of {Shown.Quoted(file.Path)}", artifacts.RunAsync, () =>
        {
            if (ManifestBuilder.PathFault(file.Path) is { } fault) return Refused(fault);
            var directory = DirectoryOf(version);
            return directory.Error is { } error ? error : artifacts.OpenContent($"{directory.Value}/{file.Path}", file, offset, length);
        }, cancellation);

    public ValueTask<RegistryResult<Unit>> PingAsync(CancellationToken cancellation) => AskAsync<Unit>("the store", () =>
    {
        store.Ping();
        return default(Unit);
    }, cancellation);

    public ValueTask DisposeAsync() => default;

    private ValueTask<RegistryResult<T>> AskAsync<T>(string what, Func<RegistryResult<T>> ask, CancellationToken cancellation) =>
        AskAsync(what, (call, stop) => threads.RunAsync(call, stop), ask, cancellation);

    private ValueTask<RegistryResult<T>> AskAsync<T>(
        string what,
        Func<Func<RegistryResult<T>>, CancellationToken, Task<RegistryResult<T>>> run,
        Func<RegistryResult<T>> ask,
        CancellationToken cancellation) =>
        resilience.CallAsync<T>(what, async call =>
        {
            RegistryError failure;
            try
            {
                var answer = await run(ask, call.Cancellation);
                if (answer.Error is not { } error) return answer;
                failure = error;
            }
            catch (Exception e) when (store.Explain(e) is { } explained)
            {
                failure = explained;
            }

            Metrics.Failed(options.Name, failure.Kind);
            return failure;
        }, cancellation);

    private RegistryResult<ModelVersion> Readable(ModelVersionJson? json, string what)
    {
        if (json is null || !MlflowRecords.IsReadable(json.Status, json.CurrentStage, json.Source)) return Unknown(what);
        return MlflowRecords.ToVersion(json, out var fault) is { } version ? version : Refused(fault);
    }

    /// <summary>Follows what the store says to a directory of this machine.</summary>
    private RegistryResult<string> DirectoryOf(ModelVersion version)
    {
        var what = $"The files of version {version.Version} of model {Shown.Quoted(version.Model)}";
        var text = version.ContentUri.Length > 0 ? version.ContentUri : store.DownloadUri(version.Model, version.Version);
        for (var step = 0; step < MaxIndirections; step++)
        {
            if (text is null) return new RegistryError(RegistryErrorKind.NotFound, $"{what} are said to lie where nothing is known of.");
            if (!ArtifactUri.TryParse(text, out var uri))
                return new RegistryError(RegistryErrorKind.Malformed, $"{what} lie in {Shown.Quoted(text)}, which is refused.");
            switch (uri.Scheme)
            {
                case ArtifactScheme.Local:
                    // A relative path was meant for the directory in which MLflow ran; beside its store is the best guess.
                    return Path.GetFullPath(uri.Path, store.Directory).TrimEnd('/');
                case ArtifactScheme.Proxy when uri.Base is null:
                    return Path.Join(destination ?? DefaultDestination(), uri.Path).TrimEnd('/');
                case ArtifactScheme.LoggedModel:
                    text = store.LoggedModelUri(uri.Name);
                    break;
                case ArtifactScheme.Version:
                    text = store.DownloadUri(uri.Name, uri.Path);
                    break;
                case ArtifactScheme.Run:
                    text = store.RunUri(uri.Name) is { } root ? $"{root.TrimEnd('/')}/{uri.Path}" : null;
                    break;
                default:
                    return new RegistryError(
                        RegistryErrorKind.Unsupported, $"{what} lie in {Shown.Quoted(text)}, for which there is no client here.");
            }
        }

        return new RegistryError(RegistryErrorKind.Malformed, $"{what} are said to lie where the store leads in a circle.");
    }

    private string DefaultDestination() => Directory.Exists(Beside("mlartifacts")) ? Beside("mlartifacts") : Beside("artifacts");

    private string Beside(string name) => Path.Join(store.Directory, name);

    private static string LocalPath(string destination)
    {
        if (ArtifactUri.TryParse(destination, out var uri) && uri.Scheme == ArtifactScheme.Local) return Path.GetFullPath(uri.Path);
        throw new RegistryConfigurationException(
            $"artifactsDestination is {Shown.Quoted(destination)}; a local store's is a directory of this machine.");
    }

    private RegistryError Unknown(string what) => new(RegistryErrorKind.NotFound, $"Registry {options.Name} has no {what}.");

    private RegistryError Refused(string fault) => new(RegistryErrorKind.Malformed, $"Registry {options.Name}: {fault}.");
}
