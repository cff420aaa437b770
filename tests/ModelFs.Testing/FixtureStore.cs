using System.Security.Cryptography;

namespace ModelFs.Testing;

/// <summary>A copy of the store that a real MLflow wrote, with all its files: the large ones are written by their formula.</summary>
/// <param name="Database">The path of <c>mlflow.db</c>; <c>artifacts</c> lies beside it.</param>
public sealed record FixtureStore(string Directory, string Database, IReadOnlyList<FixtureModel> Models)
{
    public static async Task<FixtureStore> CreateAsync(string directory)
    {
        Copy(Fixtures.PathOf("mlflow", "sqlite-store"), directory);
        var models = FixtureManifest.Read();
        foreach (var version in models.SelectMany(model => model.Versions.Values))
            foreach (var file in version.Files)
                await WriteAsync(Path.Join(directory, "artifacts", version.Root, file.Path), file);
        return new FixtureStore(directory, Path.Join(directory, "mlflow.db"), models);
    }

    private static async Task WriteAsync(string path, FixtureFile file)
    {
        System.IO.Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        if (!File.Exists(path))
        {
            await using var target = File.Create(path);
            const int Piece = 1 << 20;
            for (long offset = 0; offset < file.Size; offset += Piece) await target.WriteAsync(file.Bytes(offset, Piece));
        }

        await using var written = File.OpenRead(path);
        var sha256 = Convert.ToHexStringLower(await SHA256.HashDataAsync(written));
        if (sha256 != file.StatedSha256)
            throw new InvalidDataException($"{path} has the SHA-256 {sha256}; the manifest says {file.StatedSha256}.");
    }

    private static void Copy(string from, string to)
    {
        System.IO.Directory.CreateDirectory(to);
        foreach (var directory in System.IO.Directory.EnumerateDirectories(from))
            Copy(directory, Path.Join(to, Path.GetFileName(directory)));
        foreach (var file in System.IO.Directory.EnumerateFiles(from)) File.Copy(file, Path.Join(to, Path.GetFileName(file)));
    }
}
