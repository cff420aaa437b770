using System.Globalization;

namespace ModelFs.Testing;

/// <summary>A copy of the file store that a real MLflow wrote, whose URIs name the copy; and more of the like, written as MLflow writes it.</summary>
/// <param name="Root">The path of <c>mlruns</c>.</param>
public sealed record FixtureFileStore(string Root)
{
    public const string Run = "ba986c1e92f344f7b8eb54a8bff635d7";
    private const string Recorded = "file:///data/fs/mlruns";

    // The store's own times are near: 21 November 2026.
    private const long Created = 1795221400000;

    public static FixtureFileStore Create(string root)
    {
        var from = Fixtures.PathOf("mlflow", "filestore", "mlruns");
        foreach (var file in Directory.EnumerateFiles(from, "*", SearchOption.AllDirectories))
        {
            var to = Path.Join(root, Path.GetRelativePath(from, file));
            Directory.CreateDirectory(Path.GetDirectoryName(to)!);
            if (Path.GetFileName(file) == "meta.yaml")
                File.WriteAllText(to, File.ReadAllText(file).Replace(Recorded, "file://" + root, StringComparison.Ordinal));
            else File.Copy(file, to);
        }

        return new FixtureFileStore(root);
    }

    public string this[params ReadOnlySpan<string> parts] => Path.Join([Root, .. parts]);

    public void Write(string path, string text)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(this[path])!);
        // By rename, as MLflow overwrites what it has: a reader sees the old or the new.
        File.WriteAllText(this[".new"], text);
        File.Move(this[".new"], this[path], overwrite: true);
    }

    public void AddModel(string name) => Write($"models/{name}/meta.yaml", string.Create(
        CultureInfo.InvariantCulture,
        $"aliases: {{}}\ncreation_timestamp: {Created}\ndescription: ''\nlast_updated_timestamp: {Created}\nname: {Quoted(name)}\n"));

    public void SetAlias(string model, string alias, string version) => Write($"models/{model}/aliases/{alias}", version);

    /// <param name="location">Of the files; null is none, as old versions have it.</param>
    public void AddVersion(
        string model, int version, string? location, string source = "dummy", string status = "READY", string stage = "None")
    {
        var lines = string.Create(CultureInfo.InvariantCulture, $"""
            creation_timestamp: {Created + version}
            current_stage: {stage}
            description: |
              Lines: of
                what was "said"
            last_updated_timestamp: {Created + version}
            name: {Quoted(model)}
            run_id: {Run}
            source: {source}
            status: {status}
            storage_location: {location ?? "null"}
            user_id: null
            version: {version}

            """);
        Directory.CreateDirectory(this["models", model, $"version-{version}"]);
        Write($"models/{model}/version-{version}/meta.yaml", lines);
    }

    /// <summary>Writes a file of <see cref="FormulaContent"/> below the run's artifacts.</summary>
    /// <returns>The URI of the directory <paramref name="artifact"/>.</returns>
    public string AddFile(string artifact, string path, int size, ulong seed)
    {
        var file = this["0", Run, "artifacts", artifact, path];
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        File.WriteAllBytes(file, FormulaContent.Bytes(0, size, seed));
        return $"file://{this["0", Run, "artifacts", artifact]}";
    }

    private static string Quoted(string name) => $"'{name.Replace("'", "''", StringComparison.Ordinal)}'";
}
