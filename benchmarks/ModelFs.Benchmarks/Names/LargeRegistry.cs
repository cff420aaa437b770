using System.Globalization;
using System.Text;
using ModelFs.Testing.Http;

namespace ModelFs.Benchmarks.Names;

/// <summary>A registry of many models, each without a version, as MLflow's server pages through them.</summary>
internal sealed class LargeRegistry : IAsyncDisposable
{
    private const int PageSize = 1000;
    private const string Search = "/api/2.0/mlflow/registered-models/search";

    private readonly int models;
    private readonly RawHttpServer server;
    private int questions;

    public LargeRegistry(int models)
    {
        this.models = models;
        server = new RawHttpServer(AnswerAsync);
    }

    public Uri Uri => server.Uri;

    public int Questions => Volatile.Read(ref questions);

    public static string Name(int model) => string.Create(CultureInfo.InvariantCulture, $"team-{model % 97:00}-model-{model:0000000}");

    public ValueTask DisposeAsync() => server.DisposeAsync();

    private Task AnswerAsync(RawExchange exchange, CancellationToken stop)
    {
        Interlocked.Increment(ref questions);
        if (!exchange.Request.Target.StartsWith(Search, StringComparison.Ordinal))
            return exchange.RespondAsync(404, """{"error_code":"RESOURCE_DOES_NOT_EXIST","message":"no such model"}""");
        const string mark = "page_token=";
        var at = exchange.Request.Target.IndexOf(mark, StringComparison.Ordinal);
        var first = at < 0 ? 0 : int.Parse(exchange.Request.Target[(at + mark.Length)..].Split('&')[0], CultureInfo.InvariantCulture);
        var json = new StringBuilder("{\"registered_models\":[");
        for (var i = first; i < Math.Min(first + PageSize, models); i++)
            json.Append(CultureInfo.InvariantCulture, $"{(i > first ? "," : "")}{{\"name\":\"{Name(i)}\",\"creation_timestamp\":1795221339108,\"last_updated_timestamp\":1795221339108}}");
        json.Append(first + PageSize < models ? $"],\"next_page_token\":\"{first + PageSize}\"}}" : "]}");
        return exchange.RespondAsync(200, json.ToString());
    }
}
