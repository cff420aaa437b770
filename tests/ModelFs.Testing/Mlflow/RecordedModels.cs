using System.Text;
using System.Text.Json.Nodes;

namespace ModelFs.Testing.Mlflow;

/// <summary>
/// The models of the server that was recorded: taken from the answers it gave, and where no answer holds a model, from the store that
/// the same program seeded in the same order (<c>sqlite-store</c>), under the recorded server's own run ids.
/// </summary>
internal sealed class RecordedModels
{
    private const string Scheme = "mlflow-artifacts:/";

    // What the recordings know by its path alone.
    private const string SpaceNameRun = "e60ae3e967ce4c5587bf1546bd9e4f77";
    private const string LoggedModel = "m-495598015a6d40e48c48a9b4c4fd4032";

    // Between the last recorded time before and the first after: these models were made then.
    private const long UnrecordedTime = 1795220683500;

    // The recorded server's bert-tiny is larger than the store's.
    private const long BigFile = 285216769;
    private const string BigSha256 = "9f8f366996f080988e723a62ec1cb7566443cbe26962ddd8a4b5a104c0755a0e";

    private readonly SortedDictionary<string, JsonObject> models = new(StringComparer.Ordinal);
    private readonly Dictionary<(string Model, string Version), JsonObject> versions = [];
    private readonly Dictionary<string, SortedDictionary<string, string>> aliases = new(StringComparer.Ordinal);

    public RecordedModels(IReadOnlyList<Recording> recordings)
    {
        foreach (var json in recordings.Select(recording => recording.Json).OfType<JsonObject>())
        {
            foreach (var model in Listed(json, "registered_model", "registered_models")) AddModel(model);
            foreach (var version in Listed(json, "model_version", "model_versions")) AddVersion(version);
        }

        AddUnrecorded();
        foreach (var (name, model) in models)
        {
            aliases[name] = new(StringComparer.Ordinal);
            foreach (var alias in model["aliases"]?.AsArray() ?? []) aliases[name][(string)alias!["alias"]!] = (string)alias["version"]!;
        }

        All = [.. FixtureManifest.Read().Select(Translate)];
    }

    /// <summary>What a client must find: the names, versions, aliases and all files of the recorded server.</summary>
    public IReadOnlyList<FixtureModel> All { get; }

    public IEnumerable<string> Names => models.Keys;

    public void MoveAlias(string model, string alias, string version)
    {
        if (!versions.ContainsKey((model, version))) throw new ArgumentException($"{model} has no version {version}.");
        lock (aliases) aliases[model][alias] = version;
    }

    public string? VersionOf(string model, string alias)
    {
        if (alias == "latest") return versions.Keys.Where(key => key.Model == model).MaxBy(key => int.Parse(key.Version)).Version;
        lock (aliases) return aliases.GetValueOrDefault(model)?.GetValueOrDefault(alias);
    }

    /// <summary>A model as <c>registered-models/get</c> gives it, its latest version and its aliases in it.</summary>
    public JsonObject? Model(string name)
    {
        if (!models.TryGetValue(name, out var model)) return null;
        var json = (JsonObject)model.DeepClone();
        lock (aliases)
        {
            if (aliases[name].Count == 0) json.Remove("aliases");
            else
                json["aliases"] = new JsonArray(
                    [.. aliases[name].Select(pair => new JsonObject { ["alias"] = pair.Key, ["version"] = pair.Value })]);
        }

        return json;
    }

    /// <summary>A version: searches leave its aliases out, and everything else names them.</summary>
    public JsonObject? Version(string model, string version, bool withAliases)
    {
        if (!versions.TryGetValue((model, version), out var found)) return null;
        var json = (JsonObject)found.DeepClone();
        string[] names;
        lock (aliases) names = [.. aliases[model].Where(pair => pair.Value == version).Select(pair => pair.Key)];
        if (withAliases && names.Length > 0) json["aliases"] = new JsonArray([.. names.Select(name => (JsonNode)name)]);
        return json;
    }

    /// <summary>All versions, the one that was last updated first, as MLflow orders a search.</summary>
    public IEnumerable<JsonObject> Versions() => versions.Keys
        .OrderByDescending(key => (long)versions[key]["last_updated_timestamp"]!)
        .Select(key => Version(key.Model, key.Version, withAliases: false)!);

    public FixtureVersion? Fixture(string model, string version) =>
        All.FirstOrDefault(found => found.Name == model)?.Versions.GetValueOrDefault(version);

    private static IEnumerable<JsonObject> Listed(JsonObject json, string one, string many) =>
        (json[one] is JsonObject single ? [single] : json[many] is JsonArray list ? list.Select(item => item!.AsObject()) : []);

    private void AddModel(JsonObject model)
    {
        models[(string)model["name"]!] = model;
        foreach (var version in model["latest_versions"]?.AsArray() ?? []) AddVersion(version!.AsObject());
    }

    private void AddVersion(JsonObject version)
    {
        var json = (JsonObject)version.DeepClone();
        json.Remove("aliases");
        versions[((string)json["name"]!, (string)json["version"]!)] = json;
    }

    private void AddUnrecorded()
    {
        AddVersion(new JsonObject
        {
            ["name"] = "space name", ["version"] = "1",
            ["creation_timestamp"] = UnrecordedTime - 1000, ["last_updated_timestamp"] = UnrecordedTime - 1000,
            ["current_stage"] = "None", ["description"] = "", ["source"] = $"{Scheme}1/{SpaceNameRun}/artifacts/model",
            ["run_id"] = SpaceNameRun, ["status"] = "READY", ["run_link"] = "",
        });
        AddModel(NewModel("space name", "seeded space name", versions[("space name", "1")]));
        AddModel(NewModel("echo3-prod", null, versions[("echo3-prod", "1")]));
    }

    private static JsonObject NewModel(string name, string? description, JsonObject latest)
    {
        var json = new JsonObject
        {
            ["name"] = name, ["creation_timestamp"] = UnrecordedTime, ["last_updated_timestamp"] = UnrecordedTime,
        };
        if (description is not null) json["description"] = description;
        json["latest_versions"] = new JsonArray(latest.DeepClone());
        if (description is not null) json["tags"] = new JsonArray(new JsonObject { ["key"] = "team", ["value"] = "modelfs" });
        json["aliases"] = new JsonArray(new JsonObject { ["alias"] = "champion", ["version"] = "1" });
        return json;
    }

    /// <summary>The store's model, with the recorded server's ids in paths and texts.</summary>
    private FixtureModel Translate(FixtureModel stored) => new(
        stored.Name,
        stored.Versions.Values.Select(TranslateVersion).ToDictionary(version => version.Version),
        stored.Aliases);

    private FixtureVersion TranslateVersion(FixtureVersion stored)
    {
        var json = versions[(stored.Model, stored.Version)];
        var source = (string)json["source"]!;
        var run = (string)json["run_id"]!;
        var root = source.StartsWith(Scheme, StringComparison.Ordinal) ? source[Scheme.Length..] : $"1/models/{LoggedModel}/artifacts";
        IEnumerable<FixtureFile> files = source.StartsWith(Scheme, StringComparison.Ordinal) ? stored.Files : LoggedFiles();
        return new FixtureVersion(
            stored.Model, stored.Version, run, source, root,
            [.. files.Select(file => TranslateFile(file, stored.Run!, run)).OrderBy(file => file.Path, StringComparer.Ordinal)]);
    }

    private static FixtureFile TranslateFile(FixtureFile file, string storedRun, string run)
    {
        if (file.Path == "model/model.safetensors") return new FixtureFile(file.Path, BigFile, file.Seed, null, BigSha256);
        if (file.Content is null || !file.Path.EndsWith("MLmodel", StringComparison.Ordinal)) return file;
        var text = Encoding.UTF8.GetString(file.Content)
            .Replace(storedRun, run, StringComparison.Ordinal)
            .Replace(FixtureManifest.LoggedModel, LoggedModel, StringComparison.Ordinal)
            // bert-tiny, with its larger file
            .Replace("model_size_bytes: 7012923", $"model_size_bytes: {7012923 - 6295553 + BigFile}", StringComparison.Ordinal);
        var bytes = Encoding.UTF8.GetBytes(text);
        return new FixtureFile(file.Path, bytes.Length, null, bytes);
    }

    /// <summary>A logged model's files: the manifest names the large one, the others lie in the store.</summary>
    private static IEnumerable<FixtureFile> LoggedFiles()
    {
        var echo = FixtureManifest.Read().Single(model => model.Name == "echo3").Versions["1"];
        var directory = Fixtures.PathOf("mlflow", "sqlite-store", "artifacts", "1", "models", FixtureManifest.LoggedModel, "artifacts");
        return [.. echo.Files, .. Directory.EnumerateFiles(directory).Select(path =>
        {
            var bytes = File.ReadAllBytes(path);
            return new FixtureFile(Path.GetFileName(path), bytes.Length, null, bytes);
        })];
    }
}
