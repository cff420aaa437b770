using System.Security.Cryptography;
using ModelFs.Registries.Tests.Support;
using ModelFs.Testing;

namespace ModelFs.Registries.Tests;

/// <summary>The file store that a real MLflow wrote, and what may happen to one.</summary>
public sealed class FileStoreTests : IAsyncLifetime
{
    private readonly TemporaryDirectory directory = new();
    private readonly CapturedLogs logs = new();
    private FixtureFileStore store = null!;
    private IModelRegistry registry = null!;

    public Task InitializeAsync()
    {
        store = FixtureFileStore.Create(At("mlruns"));
        registry = TestRegistry.With(TestRegistry.Options(store.Root), logs);
        return Task.CompletedTask;
    }

    public async Task DisposeAsync()
    {
        await registry.DisposeAsync();
        directory.Dispose();
    }

    private string At(params string[] parts) => Path.Join([directory.Path, .. parts]);

    private async Task<IEnumerable<string>> NamesAsync() => (await registry.AllModelsAsync()).Select(model => model.Name);

    private async Task<IEnumerable<string>> FilesAsync(string model, string version) =>
        (await registry.ManifestAsync(model, version)).Files.Select(file => file.Path);

    private async Task<RegistryError> MustRefuseFilesAsync(RegistryErrorKind kind, string model = "fsmodel", string version = "2") =>
        await registry.GetManifestAsync(await registry.GetVersionAsync(model, version, default).Must(), default).MustFail(kind);

    [Fact]
    public async Task What_MLflow_wrote_is_found_with_its_alias_times_and_files()
    {
        var model = Assert.Single(await registry.AllModelsAsync());
        Assert.Equal(("fsmodel", 1795221339108), (model.Name, model.Created.ToUnixTimeMilliseconds()));
        Assert.Equal(1795221339123, model.Updated.ToUnixTimeMilliseconds());
        Assert.Equal([new("champion", "1")], model.Aliases);
        Assert.Equal(model.Aliases, (await registry.GetModelAsync("fsmodel", default).Must()).Aliases);
        var version = Assert.Single(await registry.AllVersionsAsync("fsmodel"));
        Assert.Equal(("fsmodel", "1", FixtureFileStore.Run), (version.Model, version.Version, version.RunId));
        Assert.Equal(1795221339110, version.Created.ToUnixTimeMilliseconds());
        foreach (var alias in new[] { "champion", "latest" })
            Assert.Equal("1", (await registry.ResolveAliasAsync("fsmodel", alias, default).Must()).Version);
        var manifest = await registry.ManifestAsync("fsmodel", "1");
        Assert.Equal("MLmodel", Assert.Single(manifest.Files).Path);
        Assert.Equal("flavors: {}\n"u8.ToArray(), await registry.ReadAsync(manifest, "MLmodel", 0, manifest.Files[0].Size!.Value));
    }

    [Fact]
    public async Task Every_file_of_a_version_has_its_bytes()
    {
        store.AddFile("big", "weights.bin", 3_000_017, 5);
        store.AddVersion("fsmodel", 2, store.AddFile("big", "data/deep/x.bin", 1, 6));
        var manifest = await registry.ManifestAsync("fsmodel", "2");
        Assert.Equal(["data/deep/x.bin", "weights.bin"], manifest.Files.Select(file => file.Path));
        var bytes = await registry.ReadAsync(manifest, "weights.bin", 0, 3_000_017);
        Assert.Equal(FormulaContent.Sha256(3_000_017, 5), Convert.ToHexStringLower(SHA256.HashData(bytes)));
        Assert.Equal(FormulaContent.Bytes(1_000_003, 100, 5), await registry.ReadAsync(manifest, "weights.bin", 1_000_003, 100));
    }

    [Fact]
    public async Task Deleted_and_pending_versions_prompts_and_what_is_unknown_are_not_found()
    {
        var location = store.AddFile("model", "MLmodel2", 1, 1);
        store.AddVersion("fsmodel", 2, location, status: "PENDING_REGISTRATION");
        store.AddVersion("fsmodel", 3, location, stage: "Deleted_Internal");
        store.AddModel("prompt");
        store.AddVersion("prompt", 1, "dummy-source", "dummy-source");
        store.Write("models/prompt/tags/mlflow.prompt.is_prompt", "true");
        store.SetAlias("fsmodel", "gone", "9");
        store.SetAlias("fsmodel", "dead", "3");

        Assert.Equal(["1"], (await registry.AllVersionsAsync("fsmodel")).Select(version => version.Version));
        Assert.Equal(["fsmodel"], await NamesAsync());
        foreach (var version in new[] { "2", "3", "4", "01", "abc", "../version-1" })
            await registry.GetVersionAsync("fsmodel", version, default).MustFail(RegistryErrorKind.NotFound);
        foreach (var alias in new[] { "gone", "dead", "nope", "../meta.yaml", "..", "" })
            await registry.ResolveAliasAsync("fsmodel", alias, default).MustFail(RegistryErrorKind.NotFound);
        // As with a database: the highest that is not deleted is the latest, and this one is still being registered.
        await registry.ResolveAliasAsync("fsmodel", "latest", default).MustFail(RegistryErrorKind.NotFound);
        foreach (var model in new[] { "nope", "prompt", "", ".", "..", "../models/fsmodel", "fsmodel/version-1", "a\0b", "fs%6Dodel" })
        {
            await registry.GetModelAsync(model, default).MustFail(RegistryErrorKind.NotFound);
            await registry.ListVersionsAsync(model, null, default).MustFail(RegistryErrorKind.NotFound);
        }
    }

    [Fact]
    public async Task An_alias_that_leads_nowhere_is_listed_and_one_that_is_no_number_is_not()
    {
        store.SetAlias("fsmodel", "gone", "9");
        store.SetAlias("fsmodel", "by-hand", "1\n");
        store.SetAlias("fsmodel", "text", "champion");
        store.SetAlias("fsmodel", "empty", "");
        store.SetAlias("fsmodel", "1", "1");
        Directory.CreateDirectory(store["models", "fsmodel", "aliases", "directory"]);
        var model = await registry.GetModelAsync("fsmodel", default).Must();
        Assert.Equal(["1 1", "by-hand 1", "champion 1", "gone 9"], model.Aliases.Select(alias => $"{alias.Key} {alias.Value}").Order(StringComparer.Ordinal));
        Assert.Equal("1", (await registry.ResolveAliasAsync("fsmodel", "by-hand", default).Must()).Version);
        await registry.ResolveAliasAsync("fsmodel", "text", default).MustFail(RegistryErrorKind.NotFound);
    }

    [Theory]
    [InlineData("space name")]
    [InlineData("ünïcode-模型")]
    [InlineData("a:b")]
    [InlineData("trailing ")]
    [InlineData("..x")]
    [InlineData("quote'\"[]{}#")]
    public async Task Any_name_that_a_file_store_allows_is_found(string name)
    {
        store.AddModel(name);
        store.AddVersion(name, 1, store.AddFile("model", "f", 1, 1));
        Assert.Contains(name, await NamesAsync());
        Assert.Equal(["MLmodel", "f"], await FilesAsync(name, "1"));
    }

    [Fact]
    public async Task Many_models_come_in_pages()
    {
        for (var i = 0; i < 1500; i++) store.AddModel($"n{i:0000}");
        var names = await NamesAsync();
        Assert.Equal(1501, names.Distinct().Count());
        Assert.Equal(names.Order(StringComparer.Ordinal), names);
    }

    [Fact]
    public async Task What_changes_is_seen_by_the_next_question()
    {
        store.AddVersion("fsmodel", 2, store.AddFile("model", "f", 1, 1));
        store.SetAlias("fsmodel", "champion", "2");
        Assert.Equal(["2", "1"], (await registry.AllVersionsAsync("fsmodel")).Select(version => version.Version));
        Assert.Equal("2", (await registry.ResolveAliasAsync("fsmodel", "champion", default).Must()).Version);
        Assert.Equal("2", (await registry.ResolveAliasAsync("fsmodel", "latest", default).Must()).Version);
    }

    [Fact]
    public async Task Runs_logged_models_and_copied_versions_are_followed_through_the_files()
    {
        store.AddFile("model", "f", 1, 1);
        store.AddVersion("fsmodel", 2, null, "models:/fsmodel/3");
        store.AddVersion("fsmodel", 3, "models:/m-1");
        store.AddVersion("fsmodel", 4, $"runs:/{FixtureFileStore.Run}/model");
        store.AddVersion("fsmodel", 5, "./mlruns/0/" + FixtureFileStore.Run + "/artifacts/model");
        store.AddVersion("fsmodel", 6, "mlflow-artifacts:/x");
        store.Write("0/models/m-1/meta.yaml", $"artifact_location: runs:/{FixtureFileStore.Run}/model\n");
        Directory.CreateDirectory(At("mlartifacts", "x"));
        File.WriteAllText(At("mlartifacts", "x", "there"), "");
        foreach (var version in new[] { "2", "3", "4", "5" }) Assert.Equal(["MLmodel", "f"], await FilesAsync("fsmodel", version));
        Assert.Equal(["there"], await FilesAsync("fsmodel", "6"));
    }

    [Theory]
    [InlineData("models:/fsmodel/2", RegistryErrorKind.Malformed)] // a circle
    [InlineData("models:/../2", RegistryErrorKind.NotFound)]
    [InlineData("models:/m-nope", RegistryErrorKind.NotFound)]
    [InlineData("runs:/nope/x", RegistryErrorKind.NotFound)]
    [InlineData("runs:/../x", RegistryErrorKind.NotFound)]
    [InlineData("s3://bucket/x", RegistryErrorKind.Unsupported)]
    [InlineData("file:///etc", RegistryErrorKind.Denied)]
    [InlineData("./mlruns/../secret", RegistryErrorKind.Malformed)]
    public async Task A_location_that_leads_nowhere_or_out_is_refused(string location, RegistryErrorKind kind)
    {
        store.AddVersion("fsmodel", 2, location);
        await MustRefuseFilesAsync(kind);
    }

    [Fact]
    public async Task A_directory_outside_is_denied_until_it_is_a_root()
    {
        Directory.CreateDirectory(At("outside"));
        File.WriteAllText(At("outside", "f"), "");
        store.AddVersion("fsmodel", 2, At("outside"));
        Assert.Contains("artifactRoots", (await MustRefuseFilesAsync(RegistryErrorKind.Denied)).Message, StringComparison.Ordinal);
        await using var wider = TestRegistry.With(TestRegistry.Options(store.Root) with { ArtifactRoots = [At("outside")] });
        Assert.Equal("f", Assert.Single((await wider.ManifestAsync("fsmodel", "2")).Files).Path);
    }

    [Fact]
    public async Task No_link_inside_the_store_is_followed()
    {
        Directory.CreateDirectory(At("outside", "version-1"));
        File.Copy(store["models", "fsmodel", "meta.yaml"], At("outside", "meta.yaml"));
        File.Copy(store["models", "fsmodel", "version-1", "meta.yaml"], At("outside", "version-1", "meta.yaml"));
        Directory.CreateSymbolicLink(store["models", "linked"], At("outside"));
        Directory.CreateSymbolicLink(store["models", "fsmodel", "version-7"], At("outside", "version-1"));
        File.CreateSymbolicLink(store["models", "fsmodel", "aliases", "linked"], store["models", "fsmodel", "aliases", "champion"]);
        File.WriteAllText(At("secret"), "secret");
        File.CreateSymbolicLink(store["0", FixtureFileStore.Run, "artifacts", "model", "secret"], At("secret"));

        Assert.Equal(["fsmodel"], await NamesAsync());
        Assert.Equal(["champion"], (await registry.GetModelAsync("fsmodel", default).Must()).Aliases.Keys);
        Assert.Equal(["1"], (await registry.AllVersionsAsync("fsmodel")).Select(version => version.Version));
        Assert.Equal(["MLmodel"], await FilesAsync("fsmodel", "1"));
        await registry.GetModelAsync("linked", default).MustFail(RegistryErrorKind.Denied);
        await registry.GetVersionAsync("fsmodel", "7", default).MustFail(RegistryErrorKind.Denied);
        await registry.ResolveAliasAsync("fsmodel", "linked", default).MustFail(RegistryErrorKind.Denied);
    }

    [Fact]
    public async Task A_store_that_is_reached_through_a_link_is_read()
    {
        Directory.CreateSymbolicLink(At("link"), store.Root);
        await using var linked = TestRegistry.With(TestRegistry.Options(At("link")));
        Assert.Equal("fsmodel", Assert.Single(await linked.AllModelsAsync()).Name);
    }

    [Fact]
    public async Task A_missing_store_is_unavailable_until_it_is_there_and_no_model_is_unknown_meanwhile()
    {
        Directory.Move(store.Root, At("away"));
        var error = await registry.PingAsync(default).MustFail(RegistryErrorKind.Unavailable);
        Assert.Contains("does not exist", error.Message, StringComparison.Ordinal);
        await registry.GetModelAsync("fsmodel", default).MustFail(RegistryErrorKind.Unavailable);
        Directory.Move(At("away"), store.Root);
        await registry.PingAsync(default).Must();
    }

    [Fact]
    public async Task A_directory_that_is_no_store_says_so_and_one_without_models_is_empty()
    {
        Directory.Delete(store["models"], recursive: true);
        Assert.Empty(await registry.AllModelsAsync());
        await registry.PingAsync(default).Must();
        Directory.Delete(store["0"], recursive: true);
        var error = await registry.PingAsync(default).MustFail(RegistryErrorKind.Unsupported);
        Assert.Contains($"{store.Root} is no file store", error.Message, StringComparison.Ordinal);
    }
}
