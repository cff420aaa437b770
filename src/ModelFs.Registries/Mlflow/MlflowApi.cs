using System.Net;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using ModelFs.Registries.Http;

namespace ModelFs.Registries.Mlflow;

/// <summary>MLflow's REST API: addresses, and answers that are JSON.</summary>
internal sealed class MlflowApi(Uri home, RegistryClient client)
{
    // A page of 1000 models with everything a person may write into them is some megabytes.
    private const long MaxAnswer = 64L << 20;
    private const long MaxErrorAnswer = 64 << 10;

    private readonly string prefix =
        home.GetComponents(UriComponents.SchemeAndServer | UriComponents.Path, UriFormat.UriEscaped).TrimEnd('/');

    public RegistryClient Client => client;

    /// <summary>The tracking server's own artifact proxy.</summary>
    public string Proxy => prefix + "/api/2.0/mlflow-artifacts/artifacts";

    /// <summary>The address of a proxy that a content URI names, or the tracking server's.</summary>
    public string ProxyOf(ArtifactUri uri)
    {
        if (uri.Base is not { } named) return Proxy;
        return named.StartsWith("//", StringComparison.Ordinal)
            ? $"{home.Scheme}:{named}{home.AbsolutePath.TrimEnd('/')}/api/2.0/mlflow-artifacts/artifacts"
            : named;
    }

    public Uri Rest(string method, params ReadOnlySpan<(string Key, string Value)> query) => Address($"/api/2.0/mlflow/{method}", query);

    public Uri Address(string path, params ReadOnlySpan<(string Key, string Value)> query) => WithQuery(prefix + path, query);

    public static Uri WithQuery(string address, params ReadOnlySpan<(string Key, string Value)> query)
    {
        var text = new StringBuilder(address);
        var mark = '?';
        foreach (var (key, value) in query)
        {
            text.Append(mark).Append(key).Append('=').Append(EscapePath(value));
            mark = '&';
        }

        return new Uri(text.ToString());
    }

    /// <summary>Escapes each part once and leaves the slashes, as MLflow's client does.</summary>
    public static string EscapePath(string path) => Uri.EscapeDataString(path).Replace("%2F", "/", StringComparison.Ordinal);

    /// <param name="unknownIs400">MLflow answers 400 for an alias that it does not know, and for one that cannot exist.</param>
    public async ValueTask<RegistryResult<T>> GetAsync<T>(
        string what, Uri target, JsonTypeInfo<T> type, Call call, bool unknownIs400 = false)
        where T : class
    {
        var question = new Question(what, target, Treatment: new(Patient: false, RetryBrokenAnswers: true));
        var answer = await client.AskAsync(question, call);
        if (answer.Error is { } error) return error;
        using var response = answer.Value;
        if (response.StatusCode != HttpStatusCode.OK) return await ErrorOfAsync(question, response, call, unknownIs400);
        try
        {
            var body = new BoundedStream(await response.Content.ReadAsStreamAsync(call.Cancellation), MaxAnswer);
            var value = await JsonSerializer.DeserializeAsync(body, type, call.Cancellation);
            return value is null ? client.Error(RegistryErrorKind.Malformed, question, "answered null") : value;
        }
        catch (JsonException e)
        {
            var place = e.Path is { Length: > 1 } path ? $" at {Shown.Escaped(path)}" : "";
            return client.Error(RegistryErrorKind.Malformed, question, $"answered what is not MLflow's JSON{place}");
        }
        catch (AnswerTooLongException e)
        {
            return client.Error(RegistryErrorKind.Malformed, question, $"gave an answer that is refused, for {e.Message}");
        }
        catch (Exception e) when (e is IOException or HttpRequestException)
        {
            return client.Error(RegistryErrorKind.Unavailable, question, "broke off in the middle of its answer");
        }
    }

    /// <summary>What an answer that is not 200 means.</summary>
    public async ValueTask<RegistryError> ErrorOfAsync(
        Question question, HttpResponseMessage response, Call call, bool unknownIs400 = false)
    {
        var status = (int)response.StatusCode;
        var said = await ReadErrorAsync(response, call);
        var words = string.IsNullOrEmpty(said?.Message) ? "" : $": {client.Said(said.Message).TrimEnd('.')}";
        var kind = response.StatusCode switch
        {
            HttpStatusCode.NotFound when said?.ErrorCode is "RESOURCE_DOES_NOT_EXIST" or "NOT_FOUND" => RegistryErrorKind.NotFound,
            HttpStatusCode.NotFound or HttpStatusCode.MethodNotAllowed or HttpStatusCode.NotImplemented => RegistryErrorKind.Unsupported,
            HttpStatusCode.BadRequest when unknownIs400 && said?.ErrorCode is "INVALID_PARAMETER_VALUE" => RegistryErrorKind.NotFound,
            >= HttpStatusCode.InternalServerError => RegistryErrorKind.Unavailable,
            _ => RegistryErrorKind.Malformed,
        };
        if (words.Length == 0 && kind == RegistryErrorKind.Unsupported) words = ", as if it had no such endpoint";
        return client.Error(kind, question, $"answered {status}{words}");
    }

    private static async ValueTask<ErrorJson?> ReadErrorAsync(HttpResponseMessage response, Call call)
    {
        try
        {
            var body = new BoundedStream(await response.Content.ReadAsStreamAsync(call.Cancellation), MaxErrorAnswer);
            return await JsonSerializer.DeserializeAsync(body, MlflowJson.Default.ErrorJson, call.Cancellation);
        }
        catch (Exception e) when (e is JsonException or IOException or HttpRequestException)
        {
            return null; // HTML, or nothing: the status speaks for itself
        }
    }
}
