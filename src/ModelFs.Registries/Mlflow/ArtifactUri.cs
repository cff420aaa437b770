namespace ModelFs.Registries.Mlflow;

internal enum ArtifactScheme
{
    /// <summary><c>mlflow-artifacts:</c>, or the http(s) address of an artifact proxy.</summary>
    Proxy,

    /// <summary><c>file:</c> or a plain path.</summary>
    Local,

    /// <summary><c>runs:/id/path</c>.</summary>
    Run,

    /// <summary><c>models:/m-id</c>.</summary>
    LoggedModel,

    /// <summary><c>models:/name/version</c>.</summary>
    Version,

    /// <summary>S3, GCS and the like.</summary>
    Storage,
}

/// <summary>Where the files of a version lie, taken apart.</summary>
/// <param name="Name">The scheme as written; or of a run, logged model or version its id or name.</param>
/// <param name="Path">Below whatever the scheme means, with a slash in front for <see cref="ArtifactScheme.Local"/> alone;
/// of a version its number.</param>
/// <param name="Base">Of a proxy that is not the tracking server's own: its address, or <c>//host:port</c>.</param>
internal readonly record struct ArtifactUri(ArtifactScheme Scheme, string Name, string Path, string? Base = null)
{
    private const string ProxyMarker = "/mlflow-artifacts/artifacts";

    /// <returns>False where the URI climbs, or makes no sense.</returns>
    public static bool TryParse(string text, out ArtifactUri uri)
    {
        uri = default;
        if (Parse(text) is not { } found || Climbs(found.Path)) return false;
        uri = found;
        return true;
    }

    /// <summary>The path in a URI that somebody of this machine gave, who may climb.</summary>
    /// <returns>Null where it is no local one.</returns>
    public static string? LocalPath(string text) =>
        Parse(text) is { Scheme: ArtifactScheme.Local, Path: { Length: > 0 } path } ? path : null;

    private static ArtifactUri? Parse(string text)
    {
        if (text.Length is 0 or > 8192 || text.Contains('\0', StringComparison.Ordinal)) return null;
        var colon = text.IndexOf(':', StringComparison.Ordinal);
        // "C:/x" is a path on no machine that mounts this; a scheme has two letters or more and stands before any slash.
        var scheme = colon > 1 && text.IndexOf('/', StringComparison.Ordinal) is var slash && (slash < 0 || slash > colon)
            ? text[..colon].ToLowerInvariant()
            : "";
        var rest = scheme.Length == 0 ? text : text[(colon + 1)..];
        return scheme switch
        {
            "" => new(ArtifactScheme.Local, "", rest),
            "file" => ParseFile(rest),
            "mlflow-artifacts" => ParseProxy(rest),
            "http" or "https" => ParseHttp(text),
            "runs" => ParseRun(rest),
            "models" => ParseModels(rest),
            _ => new(ArtifactScheme.Storage, scheme, rest),
        };
    }

    private static bool Climbs(string path)
    {
        foreach (var segment in path.AsSpan().Split('/'))
            if (path.AsSpan(segment) is "..") return true;
        return false;
    }

    private static ArtifactUri? ParseFile(string rest)
    {
        if (rest.StartsWith("//", StringComparison.Ordinal))
        {
            var path = rest.IndexOf('/', 2);
            var host = path < 0 ? rest[2..] : rest[2..path];
            if (path < 0 || host is not ("" or "localhost")) return null;
            rest = rest[path..];
        }

        return new(ArtifactScheme.Local, "file", Uri.UnescapeDataString(rest));
    }

    private static ArtifactUri? ParseProxy(string rest)
    {
        if (!rest.StartsWith("//", StringComparison.Ordinal)) return new(ArtifactScheme.Proxy, "mlflow-artifacts", rest.Trim('/'));
        var path = rest.IndexOf('/', 2);
        var authority = path < 0 ? rest[2..] : rest[2..path];
        // A user in it would be sent nowhere; that it is there at all means that somebody wants to confuse.
        if (authority.Contains('@', StringComparison.Ordinal)) return null;
        if (authority.Length > 0 && !Uri.TryCreate($"http://{authority}/", UriKind.Absolute, out _)) return null;
        return new(
            ArtifactScheme.Proxy, "mlflow-artifacts", path < 0 ? "" : rest[path..].Trim('/'),
            authority.Length == 0 ? null : "//" + authority);
    }

    private static ArtifactUri? ParseHttp(string text)
    {
        if (!Uri.TryCreate(text, UriKind.Absolute, out var uri) || uri.Query.Length > 0) return null;
        var address = uri.GetComponents(UriComponents.SchemeAndServer | UriComponents.Path, UriFormat.UriEscaped);
        var marker = address.IndexOf(ProxyMarker, StringComparison.Ordinal);
        if (marker < 0) return new(ArtifactScheme.Storage, uri.Scheme, "");
        var end = marker + ProxyMarker.Length;
        return new(ArtifactScheme.Proxy, uri.Scheme, Uri.UnescapeDataString(address[end..]).Trim('/'), address[..end]);
    }

    private static ArtifactUri? ParseRun(string rest)
    {
        var parts = rest.Trim('/').Split('/', 2);
        return parts[0].Length == 0 ? null : new(ArtifactScheme.Run, parts[0], parts.Length > 1 ? parts[1] : "");
    }

    private static ArtifactUri? ParseModels(string rest)
    {
        var path = rest.Trim('/');
        var slash = path.LastIndexOf('/');
        if (slash < 0)
            return path.StartsWith("m-", StringComparison.Ordinal) ? new(ArtifactScheme.LoggedModel, path, "") : null;
        var version = path[(slash + 1)..];
        return MlflowRecords.IsVersionNumber(version) ? new(ArtifactScheme.Version, path[..slash], version) : null;
    }
}
