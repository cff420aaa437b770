using System.Security.Cryptography;
using ModelFs.Registries.Tests.Support;
using ModelFs.Testing;

namespace ModelFs.Registries.Tests;

/// <summary>The store that a real MLflow wrote, read without its server.</summary>
public sealed class SqliteStoreTests : IAsyncLifetime
{
    private readonly TemporaryDirectory directory = new();
    private FixtureStore store = null!;
    private IModelRegistry registry = null!;

    public async Task InitializeAsync()
    {
        store = await FixtureStore.CreateAsync(Path.Join(directory.Path, "store"));
        registry = TestRegistry.With(TestRegistry.Options($"sqlite:///{store.Database}"));
    }

    public async Task DisposeAsync()
    {
        await registry.DisposeAsync();
        directory.Dispose();
    }

    [Fact]
    public async Task Every_model_version_alias_and_file_is_as_the_manifest_says()
    {
        var models = await registry.AllModelsAsync();
        Assert.Equal(40, models.Count);
        Assert.Equal(models.Select(model => model.Name).Order(StringComparer.Ordinal), models.Select(model => model.Name));
        foreach (var expected in store.Models)
        {
            var found = models.Single(model => model.Name == expected.Name);
            Assert.Equal(expected.Aliases.OrderBy(alias => alias.Key), found.Aliases.OrderBy(alias => alias.Key));
            Assert.Equal(found.Aliases, (await registry.GetModelAsync(expected.Name, default).Must()).Aliases);
            foreach (var (alias, version) in expected.Aliases)
                Assert.Equal(version, (await registry.ResolveAliasAsync(expected.Name, alias, default).Must()).Version);
            var versions = await registry.AllVersionsAsync(expected.Name);
            Assert.Equal(expected.Versions.Keys.Order(), versions.Select(version => version.Version).Order());
            Assert.Equal(expected.Versions.Keys.Max(), (await registry.ResolveAliasAsync(expected.Name, "latest", default).Must()).Version);
            foreach (var version in expected.Versions.Values) await HasItsFilesAsync(version);
        }
    }

    private async Task HasItsFilesAsync(FixtureVersion expected)
    {
        var manifest = await registry.ManifestAsync(expected.Model, expected.Version);
        Assert.Equal(manifest.Files.Select(file => file.Path).Order(StringComparer.Ordinal), manifest.Files.Select(file => file.Path));
        // Of a logged model the fixture's manifest names the large file only.
        if (!expected.Source.StartsWith("models:", StringComparison.Ordinal)) Assert.Equal(expected.Files.Count, manifest.Files.Count);
        else Assert.Equal(6, manifest.Files.Count);
        foreach (var file in expected.Files)
        {
            Assert.Equal(file.Size, manifest.Files.Single(found => found.Path == file.Path).Size);
            Assert.Equal(file.StatedSha256, Convert.ToHexStringLower(SHA256.HashData(await registry.ReadAsync(manifest, file.Path, 0, file.Size))));
        }
    }

    [Fact]
    public async Task A_piece_of_a_file_is_that_piece()
    {
        var manifest = await registry.ManifestAsync("iris", "2");
        var file = store.Models.File("iris", "2", "data/train.bin");
        Assert.Equal(file.Bytes(5_000_001, 1000), await registry.ReadAsync(manifest, file.Path, 5_000_001, 1000));
    }

    [Fact]
    public async Task What_is_unknown_deleted_or_a_prompt_is_not_found()
    {
        await registry.GetModelAsync("nope", default).MustFail(RegistryErrorKind.NotFound);
        await registry.GetModelAsync("a-prompt", default).MustFail(RegistryErrorKind.NotFound);
        await registry.GetVersionAsync("a-prompt", "1", default).MustFail(RegistryErrorKind.NotFound);
        await registry.GetVersionAsync("deleted-version", "1", default).MustFail(RegistryErrorKind.NotFound);
        await registry.GetVersionAsync("iris", "abc", default).MustFail(RegistryErrorKind.NotFound);
        await registry.ResolveAliasAsync("iris", "nope", default).MustFail(RegistryErrorKind.NotFound);
        await registry.ResolveAliasAsync("no-versions", "latest", default).MustFail(RegistryErrorKind.NotFound);
        await registry.ListVersionsAsync("nope", null, default).MustFail(RegistryErrorKind.NotFound);
        Assert.Empty(await registry.AllVersionsAsync("no-versions"));
    }
}
