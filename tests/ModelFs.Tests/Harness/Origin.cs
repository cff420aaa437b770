using ModelFs.Demo;

namespace ModelFs.Tests.Harness;

/// <summary>The demonstration's server with a small store: <c>tiny-bert</c> with versions 1 and 2, and <c>champion</c> pointing to 1.</summary>
internal sealed class Origin : IAsyncDisposable
{
    public const long WeightsSize = 4 << 20;

    private Origin(DemoStore store, DemoServer server) => (Store, Server) = (store, server);

    public DemoStore Store { get; }

    public DemoServer Server { get; }

    /// <summary>What <c>--registry</c> takes.</summary>
    public string Registry => "MLFLOW=mlflow:" + Server.Address;

    public static async Task<Origin> StartAsync(Scratch scratch, int port = 0)
    {
        var store = DemoStore.Create(scratch["store"], WeightsSize, CancellationToken.None);
        return new Origin(store, await DemoServer.StartAsync(store, port, CancellationToken.None));
    }

    public byte[] Content(string version, string file) => File.ReadAllBytes(Store.ContentPath(version, file));

    public ValueTask DisposeAsync() => Server.DisposeAsync();
}
