using System.Security.Cryptography;
using ModelFs.Testing;
using ModelFs.Tests.Harness;

namespace ModelFs.Tests.Acceptance;

/// <summary>A database that MLflow 3.6 wrote, mounted from the file.</summary>
[Collection("mounts")]
public sealed class FixtureStoreTests : IAsyncLifetime
{
    private readonly Scratch scratch = new();
    private FixtureStore store = null!;
    private Node node = null!;

    public async Task InitializeAsync() => (node, store) = await Node.StartOnStoreAsync(scratch);

    public async Task DisposeAsync()
    {
        await node.DisposeAsync();
        scratch.Dispose();
    }

    private IEnumerable<FixtureVersion> Versions => store.Models.SelectMany(m => m.Versions.Values);

    [Fact]
    public async Task Every_file_of_every_version_has_its_digest_and_size()
    {
        var wrong = new List<string>();
        var files = Versions.SelectMany(v => v.Files.Select(f => (Path: Path.Combine(PathOf(v), f.Path), File: f))).ToList();
        foreach (var (path, file) in files)
        {
            var (length, sha256) = await ModelFsProcess.InTimeAsync(() =>
            {
                using var stream = File.OpenRead(path);
                return (stream.Length, Convert.ToHexStringLower(SHA256.HashData(stream)));
            });
            if ((length, sha256) != (file.Size, file.Sha256))
                wrong.Add(path);
        }

        Assert.Empty(wrong);
        Assert.True(files.Count > 40, $"the manifest names {files.Count} files");
    }

    [Fact]
    public async Task A_version_holds_the_files_of_the_manifest_and_no_others()
    {
        // A logged model has more files than the manifest states.
        foreach (var version in Versions.Where(v => !v.Source.StartsWith("models:", StringComparison.Ordinal)))
        {
            var root = PathOf(version);
            var found = await ModelFsProcess.InTimeAsync(() => Directory.GetFiles(root, "*", SearchOption.AllDirectories));
            Assert.Equal(
                version.Files.Select(f => f.Path).Order(StringComparer.Ordinal),
                found.Select(f => Path.GetRelativePath(root, f)).Order(StringComparer.Ordinal));
        }
    }

    [Fact]
    public async Task Every_alias_points_to_the_version_of_the_manifest()
    {
        foreach (var (model, alias, version) in store.Models.SelectMany(m => m.Aliases.Select(a => (m.Name, a.Key, a.Value))))
        {
            var name = alias.All(char.IsAsciiDigit) ? "@" + alias : alias;
            var link = Path.Combine(node.Models, Escape(model), name);
            Assert.Equal(version, await ModelFsProcess.InTimeAsync(() => new FileInfo(link).LinkTarget));
        }
    }

    [Fact]
    public async Task A_copied_version_reads_as_what_it_was_copied_from()
    {
        Task<string> Read(string model) => ModelFsProcess.InTimeAsync(() => File.ReadAllText(Path.Combine(node.Models, model, "champion", "MLmodel")));
        Assert.Equal(await Read("echo3"), await Read("echo3-prod"));
        Assert.NotEmpty(await Read("echo3"));
    }

    [Fact]
    public async Task The_registry_lists_every_model_once()
    {
        var names = (await Shell.RunAsync($"ls -a {node.Models}")).Lines;
        Assert.Equal(names.Count, names.Distinct().Count());
        Assert.Superset(store.Models.Select(m => Escape(m.Name)).ToHashSet(), names.ToHashSet());
        Assert.Contains("no-versions", names);
        Assert.Equal(30, names.Count(n => n.StartsWith("many-", StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData("deleted-version/1")]
    [InlineData("iris/4")]
    [InlineData("iris/02")]
    [InlineData("iris/chmpion")]
    [InlineData("iris/2/nope")]
    [InlineData("nope")]
    [InlineData("team")]
    [InlineData(".git")]
    public async Task What_is_deleted_or_unknown_does_not_exist(string path)
    {
        var result = await Shell.RunAsync($"stat {node.Models}/{path}");
        Assert.Contains("No such file or directory", result.Error);
    }

    [Fact]
    public async Task A_model_without_versions_is_an_empty_directory() =>
        Assert.Equal(new ShellResult(0, "", ""), await Shell.RunAsync($"ls {node.Models}/no-versions"));

    private string PathOf(FixtureVersion version) => Path.Combine(node.Models, Escape(version.Model), version.Version);

    private static string Escape(string model) => model == ".." ? "%2E%2E" : model.Replace("/", "%2F", StringComparison.Ordinal);
}
