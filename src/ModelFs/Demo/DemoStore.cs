using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;

namespace ModelFs.Demo;

/// <summary>A small model store in a directory of its own: one model, two versions, an alias.</summary>
internal sealed class DemoStore
{
    public const string Model = "tiny-bert";
    public const string Alias = "champion";
    public const string Weights = "weights.bin";

    /// <summary>Large enough that reading a little of it differs from reading it, small enough for any laptop's disk.</summary>
    public const long DefaultWeightsSize = 256L << 20;

    private readonly ConcurrentDictionary<string, string> aliases = new() { [Alias] = "1" };

    private DemoStore(string directory, long weightsSize, string weightsSha256)
    {
        Directory = directory;
        WeightsSize = weightsSize;
        WeightsSha256 = weightsSha256;
    }

    public string Directory { get; }

    /// <summary>Bytes of version 1's weights, a multiple of 1 MiB.</summary>
    public long WeightsSize { get; }

    /// <summary>Of version 1's weights, in lower-case hexadecimal.</summary>
    public string WeightsSha256 { get; }

    public IReadOnlyList<string> Versions { get; } = ["1", "2"];

    public IReadOnlyDictionary<string, string> Aliases => aliases;

    public DateTimeOffset Created { get; } = DateTimeOffset.FromUnixTimeSeconds(TimeProvider.System.GetUtcNow().ToUnixTimeSeconds());

    public static DemoStore Create(string directory, long weightsSize, CancellationToken cancellation)
    {
        WriteTexts(directory, "1", layers: 24);
        WriteTexts(directory, "2", layers: 2);
        var hash = WriteWeights(ContentPath(directory, "1", Weights), weightsSize, seed: 1, cancellation);
        WriteWeights(ContentPath(directory, "2", Weights), 1 << 20, seed: 2, cancellation);
        return new DemoStore(directory, weightsSize, hash);
    }

    public void Move(string alias, string version) => aliases[alias] = version;

    /// <summary>The directory of a version's artifacts below the store, as MLflow 3 lays them out.</summary>
    public static string ArtifactPath(string version) => $"1/models/m-{version.PadLeft(32, '0')}/artifacts";

    public string ContentPath(string version, string file) => ContentPath(Directory, version, file);

    /// <summary>Bytes <c>[offset, offset + buffer.Length)</c> of version 1's weights by their formula; the offset is a multiple of 8.</summary>
    public static void FillWeights(long offset, Span<byte> buffer) => Fill(offset, seed: 1, buffer);

    private static string ContentPath(string directory, string version, string file) => Path.Combine(directory, ArtifactPath(version), file);

    private static void WriteTexts(string directory, string version, int layers)
    {
        System.IO.Directory.CreateDirectory(Path.Combine(directory, ArtifactPath(version)));
        Write("MLmodel", $"""
            artifact_path: model
            flavors:
              python_function:
                loader_module: mlflow.pyfunc.model
            mlflow_version: 3.6.0
            model_id: m-{version.PadLeft(32, '0')}

            """);
        Write("config.json", $$"""{"model_type": "bert", "hidden_size": 1024, "num_hidden_layers": {{layers}}}""" + "\n");
        Write("requirements.txt", "torch\ntransformers\n");

        void Write(string file, string text) => File.WriteAllText(ContentPath(directory, version, file), text, new UTF8Encoding(false));
    }

    private static string WriteWeights(string file, long size, ulong seed, CancellationToken cancellation)
    {
        using var output = new FileStream(file, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 0);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = new byte[1 << 20];
        for (long offset = 0; offset < size; offset += buffer.Length)
        {
            cancellation.ThrowIfCancellationRequested();
            Fill(offset, seed, buffer);
            hash.AppendData(buffer);
            output.Write(buffer);
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    /// <summary>64-bit words <c>i * 0x9E3779B97F4A7C15 + seed</c>: as fast as memory, and no two blocks alike.</summary>
    private static void Fill(long offset, ulong seed, Span<byte> buffer)
    {
        var words = MemoryMarshal.Cast<byte, ulong>(buffer);
        var word = (ulong)(offset / sizeof(ulong));
        for (var i = 0; i < words.Length; i++)
            words[i] = unchecked((word + (ulong)i) * 0x9E3779B97F4A7C15 + seed);
    }
}
