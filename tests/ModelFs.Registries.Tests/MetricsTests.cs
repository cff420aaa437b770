using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using ModelFs.Registries.Tests.Support;
using ModelFs.Testing.Mlflow;

namespace ModelFs.Registries.Tests;

public sealed class MetricsTests
{
    [Fact]
    public async Task Requests_bytes_and_failures_are_counted_under_the_registrys_name()
    {
        var name = $"R{Guid.NewGuid():N}";
        var counted = new ConcurrentDictionary<string, long>();
        using var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, self) =>
        {
            if (instrument.Meter.Name == "ModelFs.Registries") self.EnableMeasurementEvents(instrument);
        };
        listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) =>
        {
            foreach (var (key, tag) in tags)
                if (key == "registry" && (string?)tag == name) counted.AddOrUpdate(instrument.Name, value, (_, sum) => sum + value);
        });
        listener.Start();

        await using var server = new RecordedMlflow(MlflowFlavour.Uvicorn);
        await using var registry = TestRegistry.With(TestRegistry.Options(server.Uri.AbsoluteUri) with { Name = name });
        var manifest = await registry.ManifestAsync("iris", "3");
        await registry.ReadAsync(manifest, "model.pkl", 0, 14336);
        await registry.GetModelAsync("nope", default).MustFail(RegistryErrorKind.NotFound);
        Assert.Equal(server.Requests.Count, counted["modelfs.registry.requests"]);
        Assert.Equal(14336, counted["modelfs.registry.bytes"]);
        Assert.Equal(1, counted["modelfs.registry.failures"]);
    }
}
