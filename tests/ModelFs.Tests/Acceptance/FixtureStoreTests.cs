using System.Security.Cryptography;
using ModelFs.Testing;
using ModelFs.Tests.Harness;

namespace ModelFs.Tests.Acceptance;

/// <summary>A database that MLflow 3.6 wrote, mounted from the file.</summary>
public sealed class FixtureStoreTests : IAsyncLifetime
{
    private readonly string directory = Directory.CreateTempSubdirectory("modelfs-store-").FullName;
    private FixtureStore store = null!;
    private ModelFsProcess modelfs = null!;

    public async Task InitializeAsync()
    {
        store = await FixtureStore.CreateAsync(directory);
        modelfs = await ModelFsProcess.MountAsync($"--registry=MLFLOW=mlflow:{store.Uri}");
    }

    public async Task DisposeAsync()
    {
        await modelfs.DisposeAsync();
        Directory.Delete(directory, recursive: true);
    }

    [Fact]
    public void Every_file_of_every_version_has_its_digest_and_size()
    {
        var wrong = new List<string>();
        var seen = 0;
        foreach (var (model, version, file) in store.Files)
        {
            var path = Path.Combine(modelfs.MountPoint, "MLFLOW", Escape(model), version, file.Path);
            using var stream = File.OpenRead(path);
            if (stream.Length != file.Size || Convert.ToHexStringLower(SHA256.HashData(stream)) != file.Sha256)
                wrong.Add(path);
            seen++;
        }

        Assert.Empty(wrong);
        Assert.True(seen > 40, $"the manifest names {seen} files");
    }

    [Fact]
    public void A_version_holds_the_files_of_the_manifest_and_no_others()
    {
        foreach (var version in store.Files.GroupBy(f => (f.Model, f.Version)))
        {
            var root = Path.Combine(modelfs.MountPoint, "MLFLOW", Escape(version.Key.Model), version.Key.Version);
            var found = Directory.GetFiles(root, "*", SearchOption.AllDirectories).Select(f => Path.GetRelativePath(root, f));
            Assert.Equal(version.Select(f => f.File.Path).Order(StringComparer.Ordinal), found.Order(StringComparer.Ordinal));
        }
    }

    [Fact]
    public void Every_alias_points_to_the_version_of_the_manifest()
    {
        foreach (var (model, alias, version) in store.Aliases)
        {
            var name = alias.All(char.IsAsciiDigit) ? "@" + alias : alias;
            var link = new FileInfo(Path.Combine(modelfs.MountPoint, "MLFLOW", Escape(model), name));
            Assert.Equal(version, link.LinkTarget);
        }
    }

    [Fact]
    public void A_copied_version_reads_as_what_it_was_copied_from()
    {
        string Read(string model) => File.ReadAllText(Path.Combine(modelfs.MountPoint, "MLFLOW", model, "champion", "MLmodel"));
        Assert.Equal(Read("echo3"), Read("echo3-prod"));
        Assert.NotEmpty(Read("echo3"));
    }

    [Fact]
    public void The_registry_lists_every_model_once()
    {
        var names = Directory.GetFileSystemEntries(Path.Combine(modelfs.MountPoint, "MLFLOW")).Select(Path.GetFileName).ToList();
        Assert.Equal(names.Count, names.Distinct().Count());
        Assert.Superset(store.Models.Select(Escape).ToHashSet(), names.ToHashSet()!);
        Assert.Contains("no-versions", names);
        Assert.Equal(30, names.Count(n => n!.StartsWith("many-", StringComparison.Ordinal)));
    }

    [Fact]
    public void What_is_deleted_or_unknown_does_not_exist()
    {
        foreach (var path in new[] { "deleted-version/1", "iris/4", "iris/chmpion", "nope", "iris/2/nope", "iris/02", "team", ".git" })
            Assert.False(Path.Exists(Path.Combine(modelfs.MountPoint, "MLFLOW", path)), path);
        Assert.Empty(Directory.GetFileSystemEntries(Path.Combine(modelfs.MountPoint, "MLFLOW", "no-versions")));
    }

    private static string Escape(string model) => model == ".." ? "%2E%2E" : model.Replace("/", "%2F", StringComparison.Ordinal);
}
