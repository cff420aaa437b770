using System.Text.Json.Nodes;

namespace ModelFs.Testing.Mlflow;

/// <summary>What is to be answered, before it has the recorded server's headers.</summary>
/// <param name="Headers">Those whose values depend on the question; the others come from a recording.</param>
/// <param name="Content">The file whose bytes <c>[Offset, Offset + Length)</c> are the body, where it is not in <paramref name="Body"/>.</param>
internal sealed record Answer(
    int Status, byte[]? Body, IReadOnlyList<KeyValuePair<string, string>> Headers, FixtureFile? Content = null, long Offset = 0,
    long Length = 0)
{
    public static Answer Json(JsonNode json) => new(200, PythonJson.Indented(json), []);

    public static Answer Error(int status, string code, string message) =>
        new(status, PythonJson.OneLine(new JsonObject { ["error_code"] = code, ["message"] = message }), []);

    public static Answer Bytes(int status, FixtureFile file, long offset, long length, params KeyValuePair<string, string>[] headers) =>
        new(status, null, headers, file, offset, length);

    /// <summary>As a recorded answer of that status has it.</summary>
    public static Answer AsRecorded(int status) => new(status, null, []);
}
