using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace ModelFs.Demo;

/// <summary>Serves a <see cref="DemoStore"/> on loopback as MLflow 3.6 would, as far as a reader of models asks, and counts what it sends.</summary>
internal sealed class DemoServer : IAsyncDisposable
{
    private const string Api = "/api/2.0/mlflow/";
    private const string Proxy = "/api/2.0/mlflow-artifacts/artifacts";

    private readonly DemoStore store;
    private readonly WebApplication app;
    private long bytesSent;

    private DemoServer(DemoStore store, int port)
    {
        this.store = store;
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Services.Configure<ConsoleLifetimeOptions>(o => o.SuppressStatusMessages = true);
        builder.WebHost.UseKestrelCore().ConfigureKestrel(o =>
        {
            o.Listen(IPAddress.Loopback, port);
            // A reader that follows its own readers may rest on a connection.
            o.Limits.MinResponseDataRate = null;
        });
        app = builder.Build();
        app.Run(HandleAsync);
    }

    public string Address { get; private set; } = "";

    /// <summary>Bytes of all answers' bodies.</summary>
    public long BytesSent => Interlocked.Read(ref bytesSent);

    /// <param name="port">0 takes any that is free.</param>
    public static async Task<DemoServer> StartAsync(DemoStore store, int port, CancellationToken cancellation)
    {
        var server = new DemoServer(store, port);
        await server.app.StartAsync(cancellation);
        server.Address = server.app.Urls.Single();
        return server;
    }

    public ValueTask DisposeAsync() => app.DisposeAsync();

    private Task HandleAsync(HttpContext context)
    {
        var query = context.Request.Query;
        var path = context.Request.Path.Value ?? "";
        return path switch
        {
            "/health" => TextAsync(context, 200, "OK"),
            "/version" => TextAsync(context, 200, "3.6.0"),
            Api + "registered-models/search" => JsonAsync(context, new JsonObject { ["registered_models"] = new JsonArray(Model()) }),
            Api + "registered-models/get" => ModelAsync(context, query["name"].ToString()),
            Api + "registered-models/alias" => AliasAsync(context, query["alias"].ToString()),
            Api + "model-versions/search" => JsonAsync(context, new JsonObject { ["model_versions"] = new JsonArray([.. store.Versions.Select(Version)]) }),
            Api + "model-versions/get" => VersionAsync(context, v => new JsonObject { ["model_version"] = Version(v) }),
            Api + "model-versions/get-download-uri" =>
                VersionAsync(context, v => new JsonObject { ["artifact_uri"] = "mlflow-artifacts:/" + DemoStore.ArtifactPath(v) }),
            Proxy => ListAsync(context, query["path"].ToString()),
            "/model-versions/get-artifact" => FileAsync(context, DemoStore.ArtifactPath(query["version"].ToString()) + "/" + query["path"], ranges: true),
            _ when path.StartsWith(Proxy + "/", StringComparison.Ordinal) => FileAsync(context, path[(Proxy.Length + 1)..], ranges: false),
            _ => TextAsync(context, 404, "<!doctype html><title>404 Not Found</title>"),
        };
    }

    private JsonObject Model() => new()
    {
        ["name"] = DemoStore.Model,
        ["creation_timestamp"] = store.Created.ToUnixTimeMilliseconds(),
        ["last_updated_timestamp"] = store.Created.ToUnixTimeMilliseconds(),
        ["latest_versions"] = new JsonArray(Version(store.Versions[^1])),
        ["aliases"] = new JsonArray([.. store.Aliases.Select(a => new JsonObject { ["alias"] = a.Key, ["version"] = a.Value })]),
    };

    private JsonObject Version(string version) => new()
    {
        ["name"] = DemoStore.Model,
        ["version"] = version,
        ["creation_timestamp"] = store.Created.ToUnixTimeMilliseconds(),
        ["last_updated_timestamp"] = store.Created.ToUnixTimeMilliseconds(),
        ["current_stage"] = "None",
        ["source"] = "models:/m-" + version.PadLeft(32, '0'),
        ["status"] = "READY",
    };

    private Task ModelAsync(HttpContext context, string name) =>
        name == DemoStore.Model
            ? JsonAsync(context, new JsonObject { ["registered_model"] = Model() })
            : ErrorAsync(context, 404, "RESOURCE_DOES_NOT_EXIST", $"Registered Model with name={name} not found");

    private Task AliasAsync(HttpContext context, string alias)
    {
        var version = alias == "latest" ? store.Versions[^1] : store.Aliases.GetValueOrDefault(alias);
        return version is null || context.Request.Query["name"] != DemoStore.Model
            ? ErrorAsync(context, 400, "INVALID_PARAMETER_VALUE", $"Registered model alias {alias} not found.")
            : JsonAsync(context, new JsonObject { ["model_version"] = Version(version) });
    }

    private Task VersionAsync(HttpContext context, Func<string, JsonObject> answer)
    {
        var version = context.Request.Query["version"].ToString();
        return context.Request.Query["name"] == DemoStore.Model && store.Versions.Contains(version)
            ? JsonAsync(context, answer(version))
            : ErrorAsync(context, 404, "RESOURCE_DOES_NOT_EXIST", $"Model Version (name={DemoStore.Model}, version={version}) not found");
    }

    private Task ListAsync(HttpContext context, string path)
    {
        var directory = new DirectoryInfo(Path.Combine(store.Directory, path));
        var files = new JsonArray();
        if (IsBelowStore(directory.FullName) && directory.Exists)
            foreach (var entry in directory.EnumerateFileSystemInfos().OrderBy(e => e.Name, StringComparer.Ordinal))
                files.Add(entry is FileInfo file
                    ? new JsonObject { ["path"] = file.Name, ["is_dir"] = false, ["file_size"] = file.Length }
                    : new JsonObject { ["path"] = entry.Name, ["is_dir"] = true });
        return JsonAsync(context, files.Count == 0 ? [] : new JsonObject { ["files"] = files });
    }

    private async Task FileAsync(HttpContext context, string path, bool ranges)
    {
        var file = new FileInfo(Path.Combine(store.Directory, path));
        if (!IsBelowStore(file.FullName) || !file.Exists)
            await ErrorAsync(context, 500, "INTERNAL_ERROR", "Internal server error");
        else if (ranges)
            await RangedFile.SendAsync(context, file, Count);
        else
            await RangedFile.SendWholeAsync(context, file, Count);
    }

    private bool IsBelowStore(string path) => path.StartsWith(store.Directory + "/", StringComparison.Ordinal);

    private Task ErrorAsync(HttpContext context, int status, string code, string message)
    {
        context.Response.StatusCode = status;
        return JsonAsync(context, new JsonObject { ["error_code"] = code, ["message"] = message });
    }

    private Task JsonAsync(HttpContext context, JsonObject body) => SendAsync(context, "application/json", body.ToJsonString());

    private Task TextAsync(HttpContext context, int status, string text)
    {
        context.Response.StatusCode = status;
        return SendAsync(context, "text/html", text);
    }

    private async Task SendAsync(HttpContext context, string type, string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        context.Response.ContentType = type;
        context.Response.ContentLength = bytes.Length;
        if (HttpMethods.IsHead(context.Request.Method))
            return;
        Count(bytes.Length);
        await context.Response.Body.WriteAsync(bytes, context.RequestAborted);
    }

    private void Count(int bytes) => Interlocked.Add(ref bytesSent, bytes);
}
