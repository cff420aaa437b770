using System.Globalization;
using System.Text.Json.Nodes;
using ModelFs.Benchmarks.Reading;
using ModelFs.Testing;

namespace ModelFs.Benchmarks.Rigs;

/// <summary>
/// What is served, in memory so that the origin reads no disk: models of one version each. The same bytes stand at
/// <c>/files/MODEL/FILE</c> for whoever speaks HTTP, and behind the answers that an MLflow 3.6 server would give.
/// </summary>
internal sealed class Origin(string directory)
{
    private readonly JsonArray models = [];
    private readonly JsonArray versions = [];

    public string Directory => directory;

    public static string Url(Uri server, string model, string file) => $"{server}files/{model}/{file}";

    /// <param name="file">Of letters, digits, dots and dashes.</param>
    public string PathOf(string model, string file) => Path.Combine(directory, "files", model, file);

    /// <param name="write">Writes the content of a file at a path, of so many bytes.</param>
    public void Add(string model, IReadOnlyList<string> files, long size, Action<string, long> write)
    {
        EnsureRoom(write == Sparse ? 0 : size * files.Count);
        System.IO.Directory.CreateDirectory(Path.GetDirectoryName(PathOf(model, files[0]))!);
        foreach (var file in files)
            write(PathOf(model, file), size);

        var version = new JsonObject
        {
            ["name"] = model, ["version"] = "1", ["creation_timestamp"] = 1_700_000_000_000, ["current_stage"] = "None",
            ["source"] = $"mlflow-artifacts:/{model}", ["status"] = "READY",
        };
        var registered = new JsonObject { ["name"] = model, ["creation_timestamp"] = 1_700_000_000_000, ["last_updated_timestamp"] = 1_700_000_000_000 };
        models.Add(registered.DeepClone());
        versions.Add(version.DeepClone());
        Answer("registered-models-search", new JsonObject { ["registered_models"] = models.DeepClone() });
        Answer("model-versions-search", new JsonObject { ["model_versions"] = versions.DeepClone() });
        Answer($"registered-models-get-{model}", new JsonObject { ["registered_model"] = registered });
        Answer($"model-versions-get-{model}", new JsonObject { ["model_version"] = version });
        Answer($"get-download-uri-{model}", new JsonObject { ["artifact_uri"] = $"mlflow-artifacts:/{model}" });
        Answer($"artifacts-{model}", new JsonObject
        {
            ["files"] = new JsonArray([.. files.Select(file => new JsonObject { ["path"] = file, ["is_dir"] = false, ["file_size"] = size })]),
        });
    }

    /// <summary>Frees the memory of everything that is served so far.</summary>
    public void Clear()
    {
        var files = Path.Combine(directory, "files");
        if (System.IO.Directory.Exists(files))
            System.IO.Directory.Delete(files, recursive: true);
    }

    /// <summary>No two blocks alike, so that a misplaced one is found.</summary>
    public static void Formula(string path, long size) => Write(path, size, []);

    public static void Tensors(string path, long size) => Write(path, size, Safetensors.Header(size));

    /// <summary>Zeros, which take no memory.</summary>
    public static void Sparse(string path, long size)
    {
        using var file = File.Create(path);
        file.SetLength(size);
    }

    private static void Write(string path, long size, byte[] header)
    {
        using var file = new FileStream(path, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 0);
        var buffer = new byte[1 << 20];
        for (long offset = 0; offset < size; offset += buffer.Length)
        {
            var piece = buffer.AsSpan(0, (int)Math.Min(buffer.Length, size - offset));
            FormulaContent.Fill(piece, offset, seed: 1);
            if (offset < header.Length)
                header.AsSpan((int)offset, (int)Math.Min(piece.Length, header.Length - offset)).CopyTo(piece);
            file.Write(piece);
        }
    }

    private void Answer(string name, JsonObject json)
    {
        var path = Path.Combine(directory, "api", name);
        System.IO.Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, json.ToJsonString());
    }

    private void EnsureRoom(long size)
    {
        var free = new DriveInfo(directory).AvailableFreeSpace;
        if (free < size + (64L << 20))
            throw new BenchmarkException(string.Create(
                CultureInfo.InvariantCulture, $"{directory} has {free >> 20} MiB free and {size >> 20} MiB are to be served from it: choose a smaller --size"));
    }
}
