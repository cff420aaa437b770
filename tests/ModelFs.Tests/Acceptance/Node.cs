using System.Text.Json;
using ModelFs.Testing;
using ModelFs.Tests.Harness;

namespace ModelFs.Tests.Acceptance;

/// <summary>A node: one mount with one cache, which is stopped, killed and started again.</summary>
internal sealed class Node : IAsyncDisposable
{
    private readonly Scratch scratch;
    private readonly string registry;
    private ModelFsProcess? process;

    private Node(Scratch scratch, string registry) => (this.scratch, this.registry) = (scratch, registry);

    public string Cache => scratch["cache"];

    public string Index => scratch["cache", "index"];

    /// <summary>Where the models are.</summary>
    public string Models => scratch["mnt", "MLFLOW"];

    public static async Task<Node> StartAsync(Scratch scratch, string uri)
    {
        var node = new Node(scratch, "MLFLOW=mlflow:" + uri);
        await node.StartAsync();
        return node;
    }

    /// <summary>On the store that MLflow wrote, below the scratch directory.</summary>
    public static async Task<(Node Node, FixtureStore Store)> StartOnStoreAsync(Scratch scratch)
    {
        var store = await FixtureStore.CreateAsync(scratch["store"]);
        return (await StartAsync(scratch, "sqlite:///" + store.Database), store);
    }

    public async Task StartAsync() => process = await ModelFsProcess.MountAsync(scratch, ["--registry", registry]);

    public async Task StopAsync()
    {
        Assert.Equal(0, await process!.TerminateAsync());
        await process.DisposeAsync();
    }

    public async Task KillAsync()
    {
        await process!.KillAsync();
        await process.DisposeAsync();
    }

    /// <summary>Bytes that came from the registry since this mount began.</summary>
    public async Task<long> OriginBytesAsync()
    {
        var status = await ModelFsProcess.RunAsync(["status", "--json", "--cache", Cache]);
        Assert.Equal((0, ""), (status.ExitCode, status.Errors));
        using var json = JsonDocument.Parse(status.OutputText);
        return json.RootElement.GetProperty("cache").GetProperty("originBytes").GetInt64();
    }

    public async ValueTask DisposeAsync()
    {
        if (process is not null)
            await process.DisposeAsync();
    }
}
