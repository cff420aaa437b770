using System.Text;

namespace ModelFs.Testing.Http;

/// <param name="Target">As it stood in the request line: path and query, still escaped.</param>
public sealed record RawRequest(string Method, string Target, IReadOnlyDictionary<string, string> Headers)
{
    public string Path => Target.Split('?', 2)[0];

    public string? Header(string name) => Headers.GetValueOrDefault(name);

    /// <summary>The parameters in their order, unescaped.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> Query => !Target.Contains('?')
        ? []
        : [.. Target.Split('?', 2)[1].Split('&', StringSplitOptions.RemoveEmptyEntries).Select(part => part.Split('=', 2))
            .Select(pair => KeyValuePair.Create(Unescape(pair[0]), pair.Length > 1 ? Unescape(pair[1]) : ""))];

    public string? Parameter(string name) => Query.Where(pair => pair.Key == name).Select(pair => pair.Value).FirstOrDefault();

    private static string Unescape(string text) => Uri.UnescapeDataString(text.Replace('+', ' '));
}

/// <summary>Reads requests without a body from a connection.</summary>
internal sealed class RequestReader(Stream stream) : IDisposable
{
    private readonly StreamReader reader = new(stream, Encoding.Latin1, leaveOpen: true);

    /// <returns>Null at the end of the connection.</returns>
    public async Task<RawRequest?> ReadAsync(CancellationToken cancellation)
    {
        if (await reader.ReadLineAsync(cancellation) is not { Length: > 0 } first) return null;
        var parts = first.Split(' ');
        var headers = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        while (await reader.ReadLineAsync(cancellation) is { Length: > 0 } line)
        {
            var colon = line.IndexOf(':');
            headers[line[..colon]] = line[(colon + 1)..].Trim();
        }

        return new RawRequest(parts[0], parts[1], headers);
    }

    public void Dispose() => reader.Dispose();
}
