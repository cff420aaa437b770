namespace ModelFs.Registries.Tree;

/// <summary>Paths of the tree as addresses of its server, and back.</summary>
internal sealed class TreeAddress
{
    private readonly string prefix;

    /// <param name="root">Without user, query and fragment; a last part without a slash is a directory all the same.</param>
    public TreeAddress(Uri root)
    {
        prefix = root.GetComponents(UriComponents.SchemeAndServer | UriComponents.Path, UriFormat.UriEscaped).TrimEnd('/') + "/";
        Root = new Uri(prefix);
    }

    public Uri Root { get; }

    public Uri OfFile(string path) => new(prefix + Uri.EscapeDataString(path).Replace("%2F", "/", StringComparison.Ordinal));

    public Uri OfDirectory(string path) => path.Length == 0 ? Root : new Uri(OfFile(path).AbsoluteUri + "/");

    /// <summary>Whether a server that sends us from one address to the other says by that: it is a directory.</summary>
    /// <remarks>The last name alone is compared: behind a proxy, servers name themselves by the scheme, port and prefix that they know.</remarks>
    public static bool IsSlashAdded(Uri from, Uri to) =>
        !from.AbsolutePath.EndsWith('/') && to.AbsolutePath.EndsWith('/') && LastName(from) is { } asked && asked == LastName(to);

    /// <summary>The name that a link on an index page gives to something directly below that page's directory.</summary>
    /// <returns>Null for what lies elsewhere, and for what sorts the page or points into it.</returns>
    public static (string Name, bool IsDirectory)? ChildOf(Uri page, string link)
    {
        if (link.Contains('?', StringComparison.Ordinal) || link.Contains('#', StringComparison.Ordinal)
            || !Uri.TryCreate(page, link, out var target)
            || Uri.Compare(page, target, UriComponents.SchemeAndServer, UriFormat.UriEscaped, StringComparison.OrdinalIgnoreCase) != 0)
            return null;
        var directory = page.AbsolutePath[..(page.AbsolutePath.LastIndexOf('/') + 1)].Split('/');
        var parts = target.AbsolutePath.Split('/');
        var isDirectory = parts[^1].Length == 0;
        if (parts.Length != directory.Length + (isDirectory ? 1 : 0)) return null;
        for (var i = 0; i < directory.Length - 1; i++)
            if (Uri.UnescapeDataString(directory[i]) != Uri.UnescapeDataString(parts[i])) return null;
        var name = Decode(parts[directory.Length - 1]);
        return name.Length == 0 ? null : (name, isDirectory);
    }

    private static string? LastName(Uri address)
    {
        var path = address.AbsolutePath.TrimEnd('/');
        return path.Length == 0 ? null : Uri.UnescapeDataString(path[(path.LastIndexOf('/') + 1)..]);
    }

    /// <summary>Bytes that are no UTF-8 become U+FFFD, which no name has: <see cref="Uri.UnescapeDataString(string)"/> would leave them escaped, as if the file were called so.</summary>
    private static string Decode(string part) => System.Net.WebUtility.UrlDecode(part.Replace("+", "%2B", StringComparison.Ordinal));
}
