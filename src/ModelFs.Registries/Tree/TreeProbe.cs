using System.Net;
using System.Net.Http.Headers;
using ModelFs.Registries.Http;

namespace ModelFs.Registries.Tree;

/// <param name="Length">Bytes, or null where the server does not say.</param>
internal readonly record struct Probed(bool IsDirectory, long? Length, string? Validator, DateTimeOffset? Modified);

/// <summary>
/// Asks what is at an address: by HEAD; where that is refused or tells no length, by a GET of the first byte, whose body is not read.
/// </summary>
internal sealed class TreeProbe(RegistryClient client)
{
    // Learned from the first 405 or 501: such a server refuses HEAD of everything.
    private volatile bool hasNoHead;

    /// <returns>Not found only for 404 and 410.</returns>
    public async ValueTask<RegistryResult<Probed>> AskAsync(string what, Uri target, Call call)
    {
        if (!hasNoHead)
        {
            var head = await SendAsync(new Question(what, target), HttpMethod.Head, call);
            // Addresses that are signed for GET refuse HEAD with a 403. One that refuses both is asked twice, and refused all the same.
            var isRefused = head.Error is { Kind: RegistryErrorKind.Denied or RegistryErrorKind.Unsupported };
            if (!isRefused && (!head.IsOk || head.Value.IsDirectory || head.Value.Length is not null)) return head;
            hasNoHead |= head.Error is { Kind: RegistryErrorKind.Unsupported };
        }

        return await SendAsync(new Question(what, target, new RangeHeaderValue(0, 0)), HttpMethod.Get, call);
    }

    private async ValueTask<RegistryResult<Probed>> SendAsync(Question question, HttpMethod method, Call call)
    {
        question = question with { Method = method, EndsAt = TreeAddress.IsSlashAdded, Treatment = new(Patient: false, RetryBrokenAnswers: true) };
        var answer = await client.AskAsync(question, call);
        if (answer.Error is { } error) return error;
        using var response = answer.Value;
        var headers = response.Content.Headers;
        switch (response.StatusCode)
        {
            case HttpStatusCode.OK or HttpStatusCode.NoContent:
                return Found(question, response, ContentHeaders.IsEncoded(headers) ? null : headers.ContentLength);
            case HttpStatusCode.PartialContent:
                return Found(question, response, headers.ContentRange?.Length);
            case HttpStatusCode.RequestedRangeNotSatisfiable when headers.ContentRange?.Length is { } length:
                return Found(question, response, length); // An empty file has no first byte.
            case HttpStatusCode.MethodNotAllowed or HttpStatusCode.NotImplemented:
                return client.Error(RegistryErrorKind.Unsupported, question, $"answered {(int)response.StatusCode} to {method}");
            case HttpStatusCode.NotFound or HttpStatusCode.Gone:
                return new RegistryError(RegistryErrorKind.NotFound, $"{question.What}: {RegistryClient.Address(question.Target)} answered {(int)response.StatusCode}.");
            case >= HttpStatusCode.MultipleChoices and < HttpStatusCode.BadRequest:
                return new Probed(IsDirectory: true, null, null, null);
            case >= HttpStatusCode.InternalServerError:
                return client.Error(RegistryErrorKind.Unavailable, question, $"answered {(int)response.StatusCode}");
            default:
                return client.Error(RegistryErrorKind.Malformed, question, $"answered {(int)response.StatusCode}");
        }
    }

    private RegistryResult<Probed> Found(Question question, HttpResponseMessage response, long? length) => length > ManifestBuilder.MaxSize
        ? client.Error(RegistryErrorKind.Malformed, question, $"says that it has {length} bytes, and no file here may have more than {ManifestBuilder.MaxSize} (1 TiB)")
        : new Probed(false, length >= 0 ? length : null, TreeValidators.Of(response), response.Content.Headers.LastModified);
}
