using Microsoft.Extensions.Logging.Abstractions;
using ModelFs.Demo;
using ModelFs.Registries;
using ModelFs.Tests.Harness;

namespace ModelFs.Tests.Demo;

/// <summary>The demonstration's server, asked by the client that asks real ones.</summary>
public sealed class DemoServerTests : IAsyncLifetime
{
    private readonly Scratch scratch = new();
    private Origin origin = null!;
    private IModelRegistry registry = null!;

    public async Task InitializeAsync()
    {
        origin = await Origin.StartAsync(scratch);
        var options = new RegistryOptions { Name = "MLFLOW", Kind = "mlflow", Uri = origin.Server.Address };
        registry = (IModelRegistry)RegistryFactory.Create(options, _ => null, NullLoggerFactory.Instance, TimeProvider.System);
    }

    public async Task DisposeAsync()
    {
        await registry.DisposeAsync();
        await origin.DisposeAsync();
        scratch.Dispose();
    }

    [Fact]
    public async Task It_lists_its_model_with_alias_and_versions()
    {
        var model = Assert.Single((await registry.ListModelsAsync(null, CancellationToken.None)).Value.Items);
        Assert.Equal((DemoStore.Model, "1"), (model.Name, model.Aliases[DemoStore.Alias]));
        Assert.Equal(["1", "2"], (await registry.ListVersionsAsync(model.Name, null, CancellationToken.None)).Value.Items.Select(v => v.Version).Order());
        Assert.Equal("1", (await registry.ResolveAliasAsync(model.Name, DemoStore.Alias, CancellationToken.None)).Value.Version);
        origin.Store.Move(DemoStore.Alias, "2");
        Assert.Equal("2", (await registry.ResolveAliasAsync(model.Name, DemoStore.Alias, CancellationToken.None)).Value.Version);
        Assert.True((await registry.PingAsync(CancellationToken.None)).IsOk);
    }

    [Fact]
    public async Task What_it_does_not_have_is_not_found()
    {
        Assert.Equal(RegistryErrorKind.NotFound, (await registry.GetModelAsync("other", CancellationToken.None)).Error!.Kind);
        Assert.Equal(RegistryErrorKind.NotFound, (await registry.GetVersionAsync(DemoStore.Model, "3", CancellationToken.None)).Error!.Kind);
        Assert.Equal(RegistryErrorKind.NotFound, (await registry.ResolveAliasAsync(DemoStore.Model, "loser", CancellationToken.None)).Error!.Kind);
    }

    [Fact]
    public async Task It_sends_the_range_that_is_asked_for_and_counts_no_more()
    {
        var version = (await registry.GetVersionAsync(DemoStore.Model, "1", CancellationToken.None)).Value;
        var manifest = (await registry.GetManifestAsync(version, CancellationToken.None)).Value;
        Assert.Equal(["MLmodel", "config.json", "requirements.txt", DemoStore.Weights], manifest.Files.Select(f => f.Path));
        var weights = manifest.Files.Single(f => f.Path == DemoStore.Weights);
        Assert.Equal(Origin.WeightsSize, weights.Size);
        var before = origin.Server.BytesSent;
        var bytes = new byte[100_000];
        await using (var content = (await registry.OpenAsync(manifest.Version, weights, 1 << 20, bytes.Length, CancellationToken.None)).Value)
        {
            Assert.Equal(1 << 20, content.Offset);
            await content.Body.ReadExactlyAsync(bytes);
        }

        var expected = new byte[bytes.Length];
        DemoStore.FillWeights(1 << 20, expected);
        Assert.True(bytes.AsSpan().SequenceEqual(expected));
        Assert.InRange(origin.Server.BytesSent - before, bytes.Length, bytes.Length + 4096);
    }
}
