using System.Net.Http.Headers;

namespace ModelFs.Registries.Http;

/// <summary>What the headers of an answer with content say, held against what was asked for.</summary>
/// <param name="Fault">Why the answer cannot be used, or null.</param>
/// <param name="Due">How many bytes the body has, where that is known.</param>
/// <param name="Total">How many the file has, where that is known.</param>
internal readonly record struct ContentHeaders(string? Fault, long? Due, long? Total)
{
    /// <param name="size">The file's, as the registry listed it.</param>
    public static ContentHeaders CheckPartial(HttpResponseMessage response, long? size, long offset, long length)
    {
        var range = response.Content.Headers.ContentRange;
        if (range is not { Unit: "bytes", From: { } from, To: { } to, Length: { } total })
            return Refuse("answered 206 and does not say which range of how many bytes");
        if (size is { } listed && total != listed)
            return Refuse($"has {total} bytes where the registry listed {listed}");
        if (from != offset || to != Math.Min(offset + length, total) - 1)
            return Refuse($"was asked for bytes {offset}-{offset + length - 1} and answers {from}-{to} of {total}");
        if (response.Content.Headers.ContentLength is { } body && body != to - from + 1)
            return Refuse($"announces {body} bytes for the range {from}-{to}");
        return IsEncoded(response.Content.Headers) ? Encoded : new(null, to - from + 1, total);
    }

    public static ContentHeaders CheckWhole(HttpResponseMessage response, long? size)
    {
        var total = response.Content.Headers.ContentLength;
        if (total is { } stated && size is { } listed && stated != listed)
            return Refuse($"has {stated} bytes where the registry listed {listed}");
        return IsEncoded(response.Content.Headers) ? Encoded : new(null, size ?? total, size ?? total);
    }

    public static bool IsEncoded(HttpContentHeaders headers) => headers.ContentEncoding.Any(coding => coding != "identity");

    private static ContentHeaders Encoded => Refuse("answered encoded bytes");

    private static ContentHeaders Refuse(string fault) => new(fault, null, null);
}
