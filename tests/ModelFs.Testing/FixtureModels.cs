using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace ModelFs.Testing;

/// <param name="Seed">Of <see cref="FormulaContent"/>, where the content is that; else the bytes are in <paramref name="Content"/>.</param>
public sealed record FixtureFile(string Path, long Size, ulong? Seed, byte[]? Content, string? StatedSha256 = null)
{
    private string? sha256 = StatedSha256;

    /// <summary>As the fixture states it, else computed, once.</summary>
    public string Sha256 => sha256 ??= Seed is { } seed
        ? FormulaContent.Sha256(Size, seed)
        : Convert.ToHexStringLower(SHA256.HashData(Content!));

    public byte[] Bytes(long offset, int count)
    {
        count = (int)Math.Clamp(Size - offset, 0, count);
        return Seed is { } seed ? FormulaContent.Bytes(offset, count, seed) : Content!.AsSpan((int)offset, count).ToArray();
    }
}

/// <param name="Root">Where the files lie below the artifacts directory: <c>1/&lt;run&gt;/artifacts/model</c>.</param>
/// <param name="Files">Those that the fixture states. Of logged models that is one of several.</param>
public sealed record FixtureVersion(
    string Model, string Version, string? Run, string Source, string Root, IReadOnlyList<FixtureFile> Files);

public sealed record FixtureModel(
    string Name, IReadOnlyDictionary<string, FixtureVersion> Versions, IReadOnlyDictionary<string, string> Aliases);

/// <summary>What <c>sqlite-store/manifest.json</c> says is in the store.</summary>
public static class FixtureManifest
{
    private const string ProxyScheme = "mlflow-artifacts:/";

    public static IReadOnlyList<FixtureModel> Read()
    {
        using var json = JsonDocument.Parse(File.ReadAllBytes(Fixtures.PathOf("mlflow", "sqlite-store", "manifest.json")));
        return [.. json.RootElement.GetProperty("models").EnumerateObject().Select(model => new FixtureModel(
            model.Name,
            model.Value.GetProperty("versions").EnumerateObject().ToDictionary(
                version => version.Name, version => ReadVersion(model.Name, version.Name, version.Value)),
            model.Value.GetProperty("aliases").EnumerateObject().ToDictionary(alias => alias.Name, alias => alias.Value.GetString()!)))];
    }

    private static FixtureVersion ReadVersion(string model, string version, JsonElement json)
    {
        var source = json.GetProperty("source").GetString()!;
        var root = source.StartsWith(ProxyScheme, StringComparison.Ordinal)
            ? source[ProxyScheme.Length..]
            : $"1/models/{LoggedModel}/artifacts";
        return new FixtureVersion(
            model, version, json.GetProperty("run_id").GetString(), source, root,
            [.. json.GetProperty("files").EnumerateObject().Select(file => ReadFile(file.Name, file.Value))]);
    }

    private static FixtureFile ReadFile(string path, JsonElement json) => new(
        path,
        json.GetProperty("size").GetInt64(),
        json.TryGetProperty("seed", out var seed) ? seed.GetUInt64() : null,
        json.TryGetProperty("text", out var text) ? Encoding.UTF8.GetBytes(text.GetString()!) : null,
        json.GetProperty("sha256").GetString());

    /// <summary>The store's one logged model: <c>echo3</c> was registered from it, <c>echo3-prod</c> copied.</summary>
    public const string LoggedModel = "m-a9e1a55590414c29a57e85113c3513e4";
}
