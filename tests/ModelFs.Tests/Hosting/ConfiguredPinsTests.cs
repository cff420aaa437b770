using Microsoft.Extensions.Logging.Abstractions;
using ModelFs.Cache;
using ModelFs.Configuration;
using ModelFs.Control;
using ModelFs.Hosting;
using ModelFs.Tests.Harness;

namespace ModelFs.Tests.Hosting;

public sealed class ConfiguredPinsTests : IDisposable
{
    private readonly Scratch scratch = new();

    public void Dispose() => scratch.Dispose();

    [Fact]
    public async Task Pins_that_cannot_be_taken_back_end_nothing()
    {
        var options = new ModelFsOptions { Cache = scratch["cache"] };
        await using var store = await LocalStore.OpenAsync(options, keepsLimits: true, NullLoggerFactory.Instance, CancellationToken.None);
        await store.Inventory.PinAsync([Pin.Of("MLFLOW/iris/1", "MLFLOW/iris/champion", [])], [], CancellationToken.None);
        // What the new pins would be written to, and may not be: .NET says so with another exception than a full disk.
        Directory.CreateDirectory(scratch["cache", "index", "pins.tmp"]);

        using var pins = new ConfiguredPins([], TimeSpan.FromSeconds(5), store.Tree, store.Inventory, NullLogger.Instance, TimeProvider.System);
        await pins.StartAsync(CancellationToken.None);
        await pins.ExecuteTask!.WaitAsync(TimeSpan.FromSeconds(60));
        Assert.Single(store.Inventory.Pins);
    }
}
