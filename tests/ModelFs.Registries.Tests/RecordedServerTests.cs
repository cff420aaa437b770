using System.Security.Cryptography;
using ModelFs.Registries.Tests.Support;
using ModelFs.Testing;
using ModelFs.Testing.Http;
using ModelFs.Testing.Mlflow;

namespace ModelFs.Registries.Tests;

/// <summary>A whole registry as MLflow 3.6 was recorded to serve it, run in both ways.</summary>
public sealed class RecordedServerTests : IAsyncLifetime
{
    private readonly Dictionary<MlflowFlavour, RecordedMlflow> servers = new()
    {
        [MlflowFlavour.Gunicorn] = new(MlflowFlavour.Gunicorn),
        [MlflowFlavour.Uvicorn] = new(MlflowFlavour.Uvicorn),
    };

    public static TheoryData<MlflowFlavour> Flavours => new(MlflowFlavour.Gunicorn, MlflowFlavour.Uvicorn);

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        foreach (var server in servers.Values)
        {
            await server.DisposeAsync();
            Assert.Empty(server.Unrecorded);
        }
    }

    [Theory]
    [MemberData(nameof(Flavours))]
    public async Task All_models_are_listed_with_their_aliases_and_prompts_are_none(MlflowFlavour flavour)
    {
        await using var registry = TestRegistry.At(servers[flavour].Uri);
        var models = await registry.AllModelsAsync();
        Assert.Equal(servers[flavour].ModelNames, models.Select(model => model.Name));
        Assert.Equal(10, models.Count);
        foreach (var expected in servers[flavour].Models)
        {
            var found = await registry.GetModelAsync(expected.Name, default).Must();
            Assert.Equal(expected.Aliases.OrderBy(alias => alias.Key), found.Aliases.OrderBy(alias => alias.Key));
            Assert.Equal(found.Aliases, models.Single(model => model.Name == expected.Name).Aliases);
            foreach (var (alias, version) in expected.Aliases)
                Assert.Equal(version, (await registry.ResolveAliasAsync(expected.Name, alias, default).Must()).Version);
        }
    }

    [Theory]
    [MemberData(nameof(Flavours))]
    public async Task All_versions_are_listed_and_found_and_the_deleted_one_is_not(MlflowFlavour flavour)
    {
        await using var registry = TestRegistry.At(servers[flavour].Uri);
        foreach (var expected in servers[flavour].Models)
        {
            var versions = await registry.AllVersionsAsync(expected.Name);
            Assert.Equal(expected.Versions.Keys.Order(), versions.Select(version => version.Version).Order());
            foreach (var version in versions) Assert.Equal(version, await registry.GetVersionAsync(expected.Name, version.Version, default).Must());
            Assert.Equal(expected.Versions.Keys.Max(), (await registry.ResolveAliasAsync(expected.Name, "latest", default).Must()).Version);
        }

        Assert.Empty(await registry.AllVersionsAsync("no-versions"));
        await registry.GetVersionAsync("deleted-version", "1", default).MustFail(RegistryErrorKind.NotFound);
    }

    [Theory]
    [MemberData(nameof(Flavours))]
    public async Task What_is_unknown_is_not_found(MlflowFlavour flavour)
    {
        await using var registry = TestRegistry.At(servers[flavour].Uri);
        await registry.GetModelAsync("nope", default).MustFail(RegistryErrorKind.NotFound);
        await registry.ListVersionsAsync("nope", null, default).MustFail(RegistryErrorKind.NotFound);
        await registry.GetVersionAsync("iris", "99", default).MustFail(RegistryErrorKind.NotFound);
        await registry.GetVersionAsync("iris", "abc", default).MustFail(RegistryErrorKind.NotFound);
        await registry.GetVersionAsync("iris", "02", default).MustFail(RegistryErrorKind.NotFound);
        await registry.ResolveAliasAsync("iris", "nope", default).MustFail(RegistryErrorKind.NotFound);
        await registry.ResolveAliasAsync("nope", "nope", default).MustFail(RegistryErrorKind.NotFound);
        var missing = new ManifestFile("nope", 10);
        var version = (await registry.ManifestAsync("iris", "2")).Version;
        await registry.OpenAsync(version, missing, 0, 10, default).MustFail(RegistryErrorKind.NotFound);
    }

    [Theory]
    [MemberData(nameof(Flavours))]
    public async Task Every_file_of_every_version_has_its_bytes(MlflowFlavour flavour)
    {
        await using var registry = TestRegistry.At(servers[flavour].Uri);
        foreach (var expected in servers[flavour].Models.SelectMany(model => model.Versions.Values))
        {
            var manifest = await registry.ManifestAsync(expected.Model, expected.Version);
            Assert.Equal(expected.Files.Select(file => (file.Path, (long?)file.Size)), manifest.Files.Select(file => (file.Path, file.Size)));
            foreach (var file in expected.Files.Where(file => file.Size < 16 << 20))
                Assert.Equal(file.Sha256, Convert.ToHexStringLower(SHA256.HashData(await registry.ReadAsync(manifest, file.Path, 0, file.Size))));
        }
    }

    [Theory]
    [MemberData(nameof(Flavours))]
    public async Task A_piece_of_a_large_file_costs_that_piece(MlflowFlavour flavour)
    {
        await using var registry = TestRegistry.At(servers[flavour].Uri);
        var manifest = await registry.ManifestAsync("bert-tiny", "1");
        var expected = servers[flavour].Models.File("bert-tiny", "1", "model/model.safetensors");
        Assert.Equal(285216769, expected.Size);
        foreach (var offset in new[] { 200_000_003L, 0L, expected.Size - 1000 })
            Assert.Equal(expected.Bytes(offset, 1000), await registry.ReadAsync(manifest, expected.Path, offset, 1000));
        Assert.Equal(3000, servers[flavour].BytesSent("safetensors"));
    }

    [Theory]
    [MemberData(nameof(Flavours))]
    public async Task Each_further_range_of_a_version_costs_one_request(MlflowFlavour flavour)
    {
        var server = servers[flavour];
        await using var registry = TestRegistry.At(server.Uri);
        var version = await registry.GetVersionAsync("bert-tiny", "1", default).Must();
        var expected = server.Models.File("bert-tiny", "1", "model/model.safetensors");
        var manifest = new Manifest(version, [new ManifestFile(expected.Path, expected.Size)]);
        Assert.Equal(expected.Bytes(0, 1000), await registry.ReadAsync(manifest, expected.Path, 0, 1000));
        var before = server.Requests.Count;
        foreach (var offset in new[] { 1000L, 200_000_003L })
            Assert.Equal(expected.Bytes(offset, 1000), await registry.ReadAsync(manifest, expected.Path, offset, 1000));
        Assert.Equal(before + 2, server.Requests.Count);
    }

    [Theory]
    [MemberData(nameof(Flavours))]
    public async Task Without_ranges_a_file_comes_as_one_stream_from_its_beginning(MlflowFlavour flavour)
    {
        servers[flavour].SwitchOff(MlflowRoute.GetArtifact);
        await using var registry = TestRegistry.At(servers[flavour].Uri);
        var manifest = await registry.ManifestAsync("iris", "2");
        Assert.Null(manifest.Files.Single(file => file.Path == "empty.bin").Size);
        var expected = servers[flavour].Models.File("iris", "2", "data/train.bin");
        var file = manifest.Files.Single(file => file.Path == expected.Path);
        await using (var content = await registry.OpenAsync(manifest.Version, file, 4096, 4096, default).Must())
        {
            Assert.Equal((0, expected.Size), (content.Offset, content.TotalLength));
            var bytes = new byte[expected.Size];
            await content.Body.ReadExactlyAsync(bytes);
            Assert.Equal(expected.Sha256, Convert.ToHexStringLower(SHA256.HashData(bytes)));
            Assert.Equal(0, await content.Body.ReadAsync(new byte[1]));
        }

        Assert.Empty(await registry.ReadAsync(manifest, "empty.bin", 0, 1));
    }

    [Theory]
    [MemberData(nameof(Flavours))]
    public async Task The_route_that_works_is_remembered_and_learned_again_when_it_stops(MlflowFlavour flavour)
    {
        var server = servers[flavour];
        await using var registry = TestRegistry.At(server.Uri);
        var manifest = await registry.ManifestAsync("iris", "2");
        var expected = server.Models.File("iris", "2", "data/train.bin");

        async Task<string[]> PathsOfReadingAsync()
        {
            var before = server.Requests.Count;
            Assert.Equal(expected.Bytes(100, 50), await registry.ReadAsync(manifest, expected.Path, 100, 50));
            return [.. server.Requests.Skip(before).Select(served => served.Request.Path)];
        }

        Assert.Equal(["/model-versions/get-artifact"], await PathsOfReadingAsync());
        Assert.Equal(["/model-versions/get-artifact"], await PathsOfReadingAsync());
        server.SwitchOff(MlflowRoute.GetArtifact);
        Assert.Equal(2, (await PathsOfReadingAsync()).Length);
        Assert.Single(await PathsOfReadingAsync(), path => path.StartsWith("/api/2.0/mlflow-artifacts/", StringComparison.Ordinal));
        server.SwitchOn(MlflowRoute.GetArtifact);
        server.SwitchOff(MlflowRoute.ArtifactProxy);
        Assert.Equal("/model-versions/get-artifact", (await PathsOfReadingAsync())[^1]);
        Assert.Equal(["/model-versions/get-artifact"], await PathsOfReadingAsync());
    }

    [Theory]
    [MemberData(nameof(Flavours))]
    public async Task Without_a_proxy_the_run_lists_the_files(MlflowFlavour flavour)
    {
        servers[flavour].SwitchOff(MlflowRoute.ArtifactProxy);
        await using var registry = TestRegistry.At(servers[flavour].Uri);
        var manifest = await registry.ManifestAsync("iris", "2");
        var expected = servers[flavour].Models.Single(model => model.Name == "iris").Versions["2"];
        // One for the run itself and one for each of four directories.
        Assert.Equal(5, servers[flavour].Requests.Count(served => served.Request.Path.EndsWith("/artifacts/list", StringComparison.Ordinal)));
        Assert.Equal(expected.Files.Select(file => (file.Path, (long?)file.Size)), manifest.Files.Select(file => (file.Path, file.Size)));
    }

    [Theory]
    [MemberData(nameof(Flavours))]
    public async Task A_moved_alias_is_seen_moved(MlflowFlavour flavour)
    {
        await using var registry = TestRegistry.At(servers[flavour].Uri);
        Assert.Equal("2", (await registry.ResolveAliasAsync("iris", "champion", default).Must()).Version);
        servers[flavour].MoveAlias("iris", "champion", "3");
        Assert.Equal("3", (await registry.ResolveAliasAsync("iris", "champion", default).Must()).Version);
        Assert.Equal("3", (await registry.GetModelAsync("iris", default).Must()).Aliases["champion"]);
    }

    [Theory]
    [MemberData(nameof(Flavours))]
    public async Task The_first_bytes_of_a_stream_do_not_wait_for_the_last(MlflowFlavour flavour)
    {
        var server = servers[flavour];
        server.SwitchOff(MlflowRoute.GetArtifact);
        server.PauseBodiesAfter(1 << 20);
        await using var registry = TestRegistry.At(server.Uri);
        var manifest = await registry.ManifestAsync("iris", "2");
        var expected = server.Models.File("iris", "2", "data/train.bin");
        await using var content = await registry.OpenAsync(
            manifest.Version, manifest.Files.Single(file => file.Path == expected.Path), 0, expected.Size, default).Must();
        var bytes = new byte[expected.Size];
        await content.Body.ReadExactlyAsync(bytes.AsMemory(0, 1 << 20));
        Assert.Equal(1 << 20, server.BytesSent("/mlflow-artifacts/artifacts/"));
        server.ResumeBodies();
        await content.Body.ReadExactlyAsync(bytes.AsMemory(1 << 20));
        Assert.Equal(expected.Sha256, Convert.ToHexStringLower(SHA256.HashData(bytes)));
    }

    [Theory]
    [MemberData(nameof(Flavours))]
    public async Task A_name_that_the_proxy_cannot_serve_comes_another_way_even_at_first(MlflowFlavour flavour)
    {
        await using var registry = TestRegistry.At(servers[flavour].Uri);
        var manifest = await registry.ManifestAsync("space name", "1");
        var expected = servers[flavour].Models.File("space name", "1", "dir with space/ü 模型 +&=;'~.bin");
        Assert.Equal(expected.Bytes(5, 100), await registry.ReadAsync(manifest, expected.Path, 5, 100));
    }

    [Theory]
    [MemberData(nameof(Flavours))]
    public async Task A_ping_is_answered(MlflowFlavour flavour)
    {
        await using var registry = TestRegistry.At(servers[flavour].Uri);
        await registry.PingAsync(default).Must();
    }
}
