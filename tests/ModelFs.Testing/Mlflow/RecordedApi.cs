using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using ModelFs.Testing.Http;

namespace ModelFs.Testing.Mlflow;

/// <summary>The REST answers to requests of a recorded kind with other values than the recorded ones.</summary>
internal sealed partial class RecordedApi(RecordedModels models)
{
    private const string Api = "/api/2.0/mlflow/";

    /// <returns>Null where this endpoint was recorded for one value only.</returns>
    public Answer? Ask(RawRequest request) => request.Path switch
    {
        Api + "registered-models/search" => SearchModels(request),
        Api + "registered-models/get" => GetModel(request),
        Api + "registered-models/alias" => GetAlias(request),
        Api + "model-versions/search" => SearchVersions(request),
        Api + "model-versions/get" => GetVersion(request),
        Api + "model-versions/get-download-uri" => GetDownloadUri(request),
        _ => null,
    };

    private Answer SearchModels(RawRequest request)
    {
        IEnumerable<string> names = models.Names;
        if (request.Parameter("filter") is { } filter)
        {
            if (NameFilter().Match(filter) is not { Success: true } match) return Answer.AsRecorded(400);
            var name = match.Groups["name"].Value;
            names = match.Groups["op"].Value == "=" ? names.Where(found => found == name) : names.Where(found => Like(name).IsMatch(found));
        }

        var max = int.Parse(request.Parameter("max_results") ?? "100");
        if (max > 1000) return Answer.AsRecorded(400);
        return Page("registered_models", [.. names.Select(name => models.Model(name)!)], max, request.Parameter("page_token"));
    }

    private Answer SearchVersions(RawRequest request)
    {
        var versions = models.Versions();
        if (request.Parameter("filter") is { } filter)
        {
            if (NameFilter().Match(filter) is not { Success: true } match) return Answer.AsRecorded(400);
            versions = versions.Where(version => (string)version["name"]! == match.Groups["name"].Value);
        }

        if (request.Parameter("order_by") == "version_number DESC")
            versions = versions.OrderByDescending(version => int.Parse((string)version["version"]!));
        var max = int.Parse(request.Parameter("max_results") ?? "10000");
        return Page("model_versions", [.. versions], max, request.Parameter("page_token"));
    }

    private static Answer Page(string key, JsonObject[] all, int max, string? token)
    {
        var offset = token is null ? 0 : (int)JsonNode.Parse(Convert.FromBase64String(token))!["offset"]!;
        var json = new JsonObject();
        var page = all.Skip(offset).Take(max).ToArray();
        if (page.Length > 0) json[key] = new JsonArray([.. page]);
        if (offset + max < all.Length)
            json["next_page_token"] = Convert.ToBase64String(Encoding.ASCII.GetBytes($"{{\"offset\": {offset + max}}}"));
        return Answer.Json(json);
    }

    private Answer GetModel(RawRequest request)
    {
        var name = request.Parameter("name")!;
        return models.Model(name) is { } model
            ? Answer.Json(new JsonObject { ["registered_model"] = model })
            : Answer.Error(404, "RESOURCE_DOES_NOT_EXIST", $"Registered Model with name={name} not found");
    }

    private Answer GetAlias(RawRequest request)
    {
        var (name, alias) = (request.Parameter("name")!, request.Parameter("alias")!);
        return models.VersionOf(name, alias) is { } version
            ? Answer.Json(new JsonObject { ["model_version"] = models.Version(name, version, withAliases: true) })
            : Answer.Error(400, "INVALID_PARAMETER_VALUE", $"Registered model alias {alias} not found.");
    }

    private Answer GetVersion(RawRequest request)
    {
        var (name, version) = (request.Parameter("name")!, request.Parameter("version")!);
        if (!int.TryParse(version, out _))
            return Answer.Error(400, "INVALID_PARAMETER_VALUE", $"Parameter 'version' must be an integer, got '{version}'.");
        return models.Version(name, version, withAliases: true) is { } found
            ? Answer.Json(new JsonObject { ["model_version"] = found })
            : NoVersion(name, version);
    }

    private Answer GetDownloadUri(RawRequest request)
    {
        var (name, version) = (request.Parameter("name")!, request.Parameter("version")!);
        return models.Fixture(name, version) is { } found
            ? Answer.Json(new JsonObject { ["artifact_uri"] = "mlflow-artifacts:/" + found.Root })
            : NoVersion(name, version);
    }

    public static Answer NoVersion(string name, string version) =>
        Answer.Error(404, "RESOURCE_DOES_NOT_EXIST", $"Model Version (name={name}, version={version}) not found");

    private static Regex Like(string pattern) => new($"^{Regex.Escape(pattern).Replace("%", ".*")}$", RegexOptions.Singleline);

    [GeneratedRegex("""^name\s*(?<op>=|LIKE)\s*(?:'(?<name>[^']*)'|"(?<name>[^"]*)")$""", RegexOptions.Singleline)]
    private static partial Regex NameFilter();
}
