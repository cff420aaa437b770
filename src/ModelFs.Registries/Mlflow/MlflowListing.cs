using System.Net;
using System.Net.Http.Headers;
using ModelFs.Registries.Http;

namespace ModelFs.Registries.Mlflow;

/// <summary>
/// Lists all files of a version: through the artifact proxy where the content URI is one, else by the run or the logged model that the
/// files belong to. Where a listing names no size, <c>get-artifact</c> is asked.
/// </summary>
internal sealed class MlflowListing(MlflowApi api)
{
    /// <summary>One entry of one directory.</summary>
    private readonly record struct Entry(string Name, bool IsDirectory, long? Size);

    private delegate ValueTask<RegistryResult<List<Entry>>> ListDirectory(string directory, Call call);

    // A directory takes about 30 ms; eight at once list a thousand within the 4 s that a person waits for `ls`.
    private const int AtOnce = 8;

    // Listings leave out the size of empty files, of which a model has few. A storage that knows no sizes at all must not cost
    // a request a file: the rest is found when it is first opened.
    private const int MaxSizeRequests = 1000;

    public async ValueTask<RegistryResult<Manifest>> ListAsync(ModelVersion version, ArtifactUri content, Call call)
    {
        var what = $"the files of version {version.Version} of model {Shown.Quoted(version.Model)}";
        RegistryError? last = null;
        foreach (var list in Ways(what, version, content))
        {
            var builder = new ManifestBuilder();
            var walked = await WalkAsync(what, list, builder, call);
            if (walked is null) return await FinishAsync(what, version, builder, call);
            if (walked.Kind != RegistryErrorKind.Unsupported) return walked;
            last = walked;
        }

        return last ?? new RegistryError(
            RegistryErrorKind.Unsupported,
            $"{what} lie in {Shown.Quoted(version.ContentUri)}, for which there is no client here and no run to list by.");
    }

    private IEnumerable<ListDirectory> Ways(string what, ModelVersion version, ArtifactUri content)
    {
        if (content.Scheme == ArtifactScheme.Proxy)
            yield return (directory, call) => ListProxyAsync(what, api.ProxyOf(content), content.Path, directory, call);
        if (content.Scheme == ArtifactScheme.Run)
            yield return (directory, call) => ListRunAsync(what, content.Name, content.Path, directory, call);
        else if (LoggedModelOf(content, version.ContentUri) is { } model)
            yield return (directory, call) => ListLoggedModelAsync(what, model, directory, call);
        else if (version.RunId is { } run)
        {
            // The version's files lie somewhere below the run's; where, the run says once, before the first directory.
            string? below = null;
            yield return async (directory, call) =>
            {
                if (below is null)
                {
                    var found = await FindBelowRunAsync(what, run, version.ContentUri, call);
                    if (found.Error is { } error) return error;
                    below = found.Value;
                }

                return await ListRunAsync(what, run, below, directory, call);
            };
        }
    }

    /// <summary>The id in <c>…/models/m-0123…/artifacts</c>.</summary>
    private static string? LoggedModelOf(ArtifactUri content, string uri)
    {
        if (content.Scheme == ArtifactScheme.LoggedModel) return content.Name;
        var parts = uri.TrimEnd('/').Split('/');
        return parts is [.., "models", ['m', '-', ..] id, "artifacts"] ? id : null;
    }

    private static async ValueTask<RegistryError?> WalkAsync(string what, ListDirectory list, ManifestBuilder builder, Call call)
    {
        var waiting = new Queue<string>([""]);
        var batch = new List<string>(AtOnce);
        while (waiting.Count > 0)
        {
            batch.Clear();
            while (batch.Count < AtOnce && waiting.TryDequeue(out var next)) batch.Add(next);
            var answers = await Task.WhenAll(batch.Select(directory => list(directory, call).AsTask()));
            for (var i = 0; i < answers.Length; i++)
            {
                if (answers[i].Error is { } error) return error;
                foreach (var entry in answers[i].Value)
                {
                    var path = batch[i].Length == 0 ? entry.Name : $"{batch[i]}/{entry.Name}";
                    var fault = Note(builder, waiting, path, entry);
                    if (fault is not null) return new RegistryError(RegistryErrorKind.Malformed, $"{what} are refused: {fault}.");
                }
            }
        }

        return null;
    }

    private static string? Note(ManifestBuilder builder, Queue<string> waiting, string path, Entry entry)
    {
        // A listing names what lies directly in a directory; a slash in it is an attempt at something else.
        if (entry.Name.Contains('/', StringComparison.Ordinal)) return $"the name {Shown.Quoted(entry.Name)} holds a slash";
        if (!entry.IsDirectory) return builder.AddFile(path, entry.Size);
        var fault = builder.AddDirectory(path, out var isNew);
        if (isNew) waiting.Enqueue(path);
        return fault;
    }

    private async ValueTask<RegistryResult<Manifest>> FinishAsync(
        string what, ModelVersion version, ManifestBuilder builder, Call call)
    {
        foreach (var batch in builder.WithoutSize().Take(MaxSizeRequests).Chunk(AtOnce))
        {
            var sizes = await Task.WhenAll(batch.Select(path => SizeAsync(version, path, call).AsTask()));
            for (var i = 0; i < batch.Length; i++)
            {
                if (sizes[i].Error is { Kind: RegistryErrorKind.Unsupported }) return builder.Build(version);
                if (sizes[i].Error is { } error) return error;
                if (sizes[i].Value is { } size && builder.SetSize(batch[i], size) is { } fault)
                    return new RegistryError(RegistryErrorKind.Malformed, $"{what} are refused: {fault}.");
            }
        }

        var manifest = builder.Build(version);
        // An answer for a directory that is not there is the same as for one that is empty: no manifest to keep for ever.
        return manifest.Files.Count > 0 ? manifest : new RegistryError(RegistryErrorKind.NotFound, $"{what}: there are none.");
    }

    private async ValueTask<RegistryResult<long?>> SizeAsync(ModelVersion version, string path, Call call)
    {
        // One byte, not HEAD: an answer without a body cannot say that the endpoint is switched off.
        var question = new Question(
            $"the size of {Shown.Quoted(path)}", MlflowContent.ArtifactAddress(api, version, path), new RangeHeaderValue(0, 0));
        var answer = await api.Client.AskAsync(question, call);
        if (answer.Error is { } error) return error;
        using var response = answer.Value;
        return response.StatusCode switch
        {
            HttpStatusCode.OK => response.Content.Headers.ContentLength,
            HttpStatusCode.PartialContent or HttpStatusCode.RequestedRangeNotSatisfiable => response.Content.Headers.ContentRange?.Length,
            HttpStatusCode.NotFound or HttpStatusCode.MethodNotAllowed or HttpStatusCode.NotImplemented =>
                new RegistryError(RegistryErrorKind.Unsupported, $"{question.What} cannot be asked."),
            _ => (long?)null,
        };
    }

    private async ValueTask<RegistryResult<List<Entry>>> ListProxyAsync(
        string what, string proxy, string root, string directory, Call call)
    {
        var answer = await api.GetAsync(
            what, MlflowApi.WithQuery(proxy, ("path", Join(root, directory))), MlflowJson.Default.ListArtifactsJson, call);
        return answer.Error is { } error ? error : Entries(what, answer.Value.Files, "");
    }

    private ValueTask<RegistryResult<List<Entry>>> ListRunAsync(string what, string run, string root, string directory, Call call) =>
        ListPagesAsync(what, Join(root, directory), (path, token) => path.Length == 0
            ? token is null
                ? api.Rest("artifacts/list", ("run_id", run))
                : api.Rest("artifacts/list", ("run_id", run), ("page_token", token))
            : token is null
                ? api.Rest("artifacts/list", ("path", path), ("run_id", run))
                : api.Rest("artifacts/list", ("path", path), ("run_id", run), ("page_token", token)),
            call);

    /// <summary>The path of a content URI below the artifacts of its run.</summary>
    private async ValueTask<RegistryResult<string>> FindBelowRunAsync(string what, string run, string contentUri, Call call)
    {
        var root = await api.GetAsync(what, api.Rest("artifacts/list", ("run_id", run)), MlflowJson.Default.ListArtifactsJson, call);
        if (root.Error is { } error) return error;
        var (own, all) = (contentUri.TrimEnd('/'), (root.Value.RootUri ?? "").TrimEnd('/'));
        if (all.Length > 0 && (own == all || own.StartsWith(all + "/", StringComparison.Ordinal))) return own[all.Length..].Trim('/');
        return new RegistryError(
            RegistryErrorKind.Unsupported,
            $"{what} lie in {Shown.Quoted(contentUri)}, for which there is no client here, and not below those of its run.");
    }

    private ValueTask<RegistryResult<List<Entry>>> ListLoggedModelAsync(string what, string model, string directory, Call call)
    {
        var method = $"logged-models/{Uri.EscapeDataString(model)}/artifacts/directories";
        return ListPagesAsync(what, directory, (path, token) => path.Length == 0
            ? token is null ? api.Rest(method) : api.Rest(method, ("page_token", token))
            : token is null
                ? api.Rest(method, ("artifact_directory_path", path))
                : api.Rest(method, ("artifact_directory_path", path), ("page_token", token)),
            call);
    }

    private async ValueTask<RegistryResult<List<Entry>>> ListPagesAsync(
        string what, string path, Func<string, string?, Uri> address, Call call)
    {
        var entries = new List<Entry>();
        var seen = new HashSet<string>(StringComparer.Ordinal);
        string? token = null;
        do
        {
            var answer = await api.GetAsync(what, address(path, token), MlflowJson.Default.ListArtifactsJson, call);
            if (answer.Error is { } error) return error;
            var page = Entries(what, answer.Value.Files, path);
            if (page.Error is { } fault) return fault;
            entries.AddRange(page.Value);
            if (entries.Count > 2 * ManifestBuilder.MaxFiles)
                return new RegistryError(RegistryErrorKind.Malformed, $"{what} are refused: there are too many.");
            token = string.IsNullOrEmpty(answer.Value.NextPageToken) ? null : answer.Value.NextPageToken;
            if (token is not null && !seen.Add(token))
                return new RegistryError(RegistryErrorKind.Malformed, $"{what} are refused: the listing's pages go round in a circle.");
        }
        while (token is not null);

        return entries;
    }

    /// <summary>The names in a listing whose paths all begin with <paramref name="directory"/>.</summary>
    private static RegistryResult<List<Entry>> Entries(string what, List<ArtifactJson?>? files, string directory)
    {
        var entries = new List<Entry>(files?.Count ?? 0);
        foreach (var file in files ?? [])
        {
            if (file?.Path is not { } path) return new RegistryError(RegistryErrorKind.Malformed, $"{what} are refused: one has no path.");
            if (directory.Length > 0)
            {
                if (!path.StartsWith(directory + "/", StringComparison.Ordinal))
                    return new RegistryError(
                        RegistryErrorKind.Malformed,
                        $"{what} are refused: {Shown.Quoted(path)} is listed below {Shown.Quoted(directory)}.");
                path = path[(directory.Length + 1)..];
            }

            // "a/" for a directory is the same as "a".
            if (file.IsDir && path.EndsWith('/')) path = path[..^1];
            entries.Add(new Entry(path, file.IsDir, file.IsDir ? null : file.FileSize));
        }

        return entries;
    }

    private static string Join(string root, string below) =>
        root.Length == 0 ? below : below.Length == 0 ? root : $"{root}/{below}";
}
