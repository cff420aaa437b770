using System.Text;
using System.Text.Json.Nodes;
using ModelFs.Testing.Http;

namespace ModelFs.Testing.Mlflow;

/// <summary>Listings and bytes: the artifact proxy, the listing by run, and both <c>get-artifact</c> endpoints, which know ranges.</summary>
internal sealed class RecordedFiles
{
    public const string Proxy = "/api/2.0/mlflow-artifacts/artifacts";
    public const string ByVersion = "/model-versions/get-artifact";
    public const string ByRun = "/get-artifact";
    private const string ListByRun = "/api/2.0/mlflow/artifacts/list";

    private readonly RecordedModels models;
    private readonly SortedDictionary<string, FixtureFile> files = new(StringComparer.Ordinal);

    public RecordedFiles(RecordedModels models)
    {
        this.models = models;
        foreach (var version in models.All.SelectMany(model => model.Versions.Values))
            foreach (var file in version.Files) files[$"{version.Root}/{file.Path}"] = file;
    }

    public Answer? Ask(RawRequest request) => request.Path switch
    {
        Proxy => ListProxy(request.Parameter("path") ?? ""),
        ListByRun => ListRun(request.Parameter("run_id")!, request.Parameter("path") ?? ""),
        ByVersion when models.Fixture(request.Parameter("name")!, request.Parameter("version")!) is { } version =>
            Ranged(request, $"{version.Root}/{request.Parameter("path")}"),
        ByVersion => RecordedApi.NoVersion(request.Parameter("name")!, request.Parameter("version")!),
        ByRun => Ranged(request, $"1/{request.Parameter("run_id")}/artifacts/{request.Parameter("path")}"),
        _ when request.Path.StartsWith(Proxy + "/", StringComparison.Ordinal) =>
            Whole(Uri.UnescapeDataString(request.Path[(Proxy.Length + 1)..])),
        _ => null,
    };

    private Answer ListProxy(string path)
    {
        if (Climbs(path)) return Answer.AsRecorded(400);
        var entries = Children(path).Select(child => Entry(child.Name, child.File)).ToArray();
        return Answer.Json(entries.Length == 0 ? [] : new JsonObject { ["files"] = new JsonArray([.. entries]) });
    }

    private Answer ListRun(string run, string path)
    {
        var root = $"1/{run}/artifacts";
        var prefix = path.Length == 0 ? "" : path + "/";
        var children = Children(path.Length == 0 ? root : $"{root}/{path}");
        var entries = children.Select(child => Entry(prefix + child.Name, child.File)).ToArray();
        var json = new JsonObject { ["root_uri"] = "mlflow-artifacts:/" + root };
        if (entries.Length > 0) json["files"] = new JsonArray([.. entries]);
        return Answer.Json(json);
    }

    /// <summary>The proxy: the whole file, whatever range is asked for.</summary>
    private Answer Whole(string path)
    {
        if (Climbs(path) || path.Contains('#')) return Answer.AsRecorded(400);
        if (files.TryGetValue(path, out var file))
            return Answer.Bytes(
                200, file, 0, file.Size,
                new("Content-Type", TypeOf(path)), new("Content-Disposition", $"attachment; filename={NameOf(path)}"));
        if (Children(path).Any()) return Answer.AsRecorded(500);
        return Answer.Error(
            500, "INTERNAL_ERROR",
            "The following failures occurred while downloading one or more artifacts from /data/artifacts:\n"
            + $"##### File {path} #####\n[Errno 2] No such file or directory: '/data/artifacts/{path}'");
    }

    private Answer Ranged(RawRequest request, string path)
    {
        if (!files.TryGetValue(path, out var file)) return Answer.AsRecorded(500);
        var size = file.Size;
        List<KeyValuePair<string, string>> headers =
        [
            new("Content-Type", TypeOf(path)), new("Content-Disposition", $"attachment; filename={NameOf(path)}"),
            new("ETag", $"\"1795220679.2324646-{size}-{Adler32("/data/artifacts/" + path)}\""),
        ];
        if (request.Header("Range") is not { } range || size == 0)
            return Answer.Bytes(200, file, 0, size, [.. headers, new("Content-Length", $"{size}")]);
        var (from, to) = Bounds(range, size);
        if (from >= size || from > to) return new Answer(416, null, [new("Content-Range", $"bytes */{size}")]);
        return Answer.Bytes(
            206, file, from, to - from + 1,
            [.. headers, new("Content-Length", $"{to - from + 1}"), new("Content-Range", $"bytes {from}-{to}/{size}")]);
    }

    private static (long From, long To) Bounds(string range, long size)
    {
        var parts = range["bytes=".Length..].Split('-');
        if (parts[0].Length == 0) return (Math.Max(0, size - long.Parse(parts[1])), size - 1);
        return (long.Parse(parts[0]), parts[1].Length == 0 ? size - 1 : Math.Min(long.Parse(parts[1]), size - 1));
    }

    private IEnumerable<(string Name, FixtureFile? File)> Children(string path) => files
        .Where(pair => pair.Key.StartsWith(path + "/", StringComparison.Ordinal))
        .Select(pair => (Below: pair.Key[(path.Length + 1)..], pair.Value))
        .GroupBy(pair => pair.Below.Split('/')[0])
        .OrderBy(group => group.Key, StringComparer.Ordinal)
        .Select(group => (group.Key, group.Any(pair => pair.Below.Contains('/')) ? null : group.First().Value));

    // A size of nothing is left out, as the server leaves out whatever is zero.
    private static JsonObject Entry(string path, FixtureFile? file)
    {
        var json = new JsonObject { ["path"] = path, ["is_dir"] = file is null };
        if (file is { Size: > 0 }) json["file_size"] = file.Size;
        return json;
    }

    private static bool Climbs(string path) => path.StartsWith('/') || path.Split('/').Contains("..");

    private static string NameOf(string path) => path[(path.LastIndexOf('/') + 1)..];

    private static string TypeOf(string path) =>
        NameOf(path) is "MLmodel" or "requirements.txt" || path.EndsWith(".yaml", StringComparison.Ordinal)
            ? "text/plain"
            : "application/octet-stream";

    private static uint Adler32(string text)
    {
        uint a = 1, b = 0;
        foreach (var value in Encoding.UTF8.GetBytes(text)) (a, b) = ((a + value) % 65521, (b + a + value) % 65521);
        return (b << 16) | a;
    }
}
