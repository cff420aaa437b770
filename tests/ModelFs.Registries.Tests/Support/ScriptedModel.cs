using ModelFs.Testing.Http;

namespace ModelFs.Registries.Tests.Support;

/// <summary>A server with one model <c>m</c> of one version, whose listing and bytes each test scripts to its purpose.</summary>
internal sealed class ScriptedModel : IAsyncDisposable
{
    public const string Api = "/api/2.0/mlflow/";
    public const string Proxy = "/api/2.0/mlflow-artifacts/artifacts";
    public const string GetArtifact = "/model-versions/get-artifact";
    public const string Version =
        """{"model_version":{"name":"m","version":"1","creation_timestamp":1795220678931,"status":"READY","source":"x","run_id":"r"}}""";

    public ScriptedModel(
        CapturedLogs? logs = null, Func<RegistryOptions, RegistryOptions>? change = null, TimeProvider? time = null,
        params (string, string)[] environment)
    {
        Server.OnJson(Api + "model-versions/get", Version);
        ContentUri("mlflow-artifacts:/1/r/artifacts/model");
        var options = TestRegistry.Options(Server.Uri.AbsoluteUri);
        Registry = TestRegistry.With(change is null ? options : change(options), time, logs, environment);
    }

    public MisbehavingServer Server { get; } = new();

    public IModelRegistry Registry { get; }

    public void ContentUri(string uri) =>
        Server.OnJson(Api + "model-versions/get-download-uri", System.Text.Json.JsonSerializer.Serialize(new { artifact_uri = uri }));

    /// <summary>Every directory lists so.</summary>
    public void Files(string files) => Server.OnJson(Proxy, $$"""{"files":[{{files}}]}""");

    public async ValueTask<RegistryResult<Manifest>> ManifestAsync() =>
        await Registry.GetManifestAsync((await Registry.GetVersionAsync("m", "1", default)).Must(), default);

    /// <summary>Opens part of a file of the model without asking for its manifest.</summary>
    public ValueTask<RegistryResult<ContentStream>> OpenAsync(long offset, long length, long? size, string path = "f.bin")
    {
        var version = new ModelVersion("m", "1", DateTimeOffset.UnixEpoch, "mlflow-artifacts:/1/r/artifacts/model", "r");
        return Registry.OpenAsync(version, new ManifestFile(path, size), offset, length, default);
    }

    public async ValueTask DisposeAsync()
    {
        await Registry.DisposeAsync();
        await Server.DisposeAsync();
    }
}
