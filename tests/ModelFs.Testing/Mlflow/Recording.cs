using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using ModelFs.Testing.Http;

namespace ModelFs.Testing.Mlflow;

/// <summary>One request that was put to a real MLflow, and its answer.</summary>
/// <param name="Body">The whole body, where the recording holds it; large ones are known by length and hash only.</param>
/// <param name="Dropped">The real server closed the connection without an answer.</param>
internal sealed record Recording(
    RawRequest Request, int Status, string Reason, IReadOnlyList<KeyValuePair<string, string>> Headers, byte[]? Body, JsonNode? Json,
    bool Dropped)
{
    private const string ProxyDownload = "/api/2.0/mlflow-artifacts/artifacts/";
    private const string Presigned = "/api/2.0/mlflow-artifacts/presigned/";

    /// <summary>Two requests are of one kind when method, endpoint and the names of the parameters are the same, and both or neither
    /// ask for a range.</summary>
    public static string KindOf(RawRequest request)
    {
        var parameters = string.Join(',', request.Query.Select(pair => pair.Key).Order(StringComparer.Ordinal));
        return $"{request.Method} {Endpoint(request.Path)}?{parameters}{(request.Header("Range") is null ? "" : " ranged")}";
    }

    public static string Endpoint(string path) =>
        path.StartsWith(ProxyDownload, StringComparison.Ordinal) && path.Length > ProxyDownload.Length ? ProxyDownload + "*"
        : path.StartsWith(Presigned, StringComparison.Ordinal) ? Presigned + "*"
        : path;

    /// <summary>All recordings of one flavour, in the order of their names.</summary>
    public static IReadOnlyList<Recording> ReadAll(string flavour) =>
        [.. Directory.EnumerateFiles(Fixtures.PathOf("mlflow", "recorded", flavour), "*.json").Order(StringComparer.Ordinal).Select(Read)];

    private static Recording Read(string file)
    {
        var json = JsonNode.Parse(File.ReadAllBytes(file))!;
        var asked = json["request"]!;
        var headers = asked["headers"]!.AsObject()
            .ToDictionary(pair => pair.Key, pair => (string)pair.Value!, StringComparer.OrdinalIgnoreCase);
        var request = new RawRequest((string)asked["method"]!, (string)asked["path"]!, headers);
        if (json["response"] is not { } answer) return new Recording(request, 0, "", [], null, null, Dropped: true);
        var body = BodyOf(answer);
        return new Recording(
            request, (int)answer["status"]!, (string)answer["reason"]!,
            [.. answer["headers"]!.AsArray().Select(pair => KeyValuePair.Create((string)pair![0]!, (string)pair[1]!))],
            body, answer["body_json"], Dropped: false);
    }

    private static byte[]? BodyOf(JsonNode answer)
    {
        byte[][] candidates = answer switch
        {
            _ when answer["body_json"] is { } json => [PythonJson.Indented(json), PythonJson.OneLine(json)],
            _ when (string?)answer["body_text"] is { } text => [Encoding.UTF8.GetBytes(text)],
            _ when (string?)answer["body_base64"] is { } bytes => [Convert.FromBase64String(bytes)],
            _ => [],
        };
        var sha256 = (string)answer["body_sha256"]!;
        // What cannot be written to the byte is not replayed: whoever asks for it is told that it was never recorded.
        return candidates.FirstOrDefault(body => Convert.ToHexStringLower(SHA256.HashData(body)) == sha256);
    }
}
