using System.Text.Json;
using AngleSharp.Html.Parser;
using AngleSharp.Html.Parser.Tokens;
using AngleSharp.Text;

namespace ModelFs.Registries.Tree;

/// <summary>Reads the names in a directory out of what its server shows for it.</summary>
/// <remarks>
/// HTML of nginx, Apache, Caddy, Python and their like: only the links count, and of them those that lead directly below the page. It is
/// read token by token and no document is built: a page of 32 MiB that nests a million tags takes no longer than another.
/// JSON of nginx and Caddy: an array of objects with a name and a type.
/// </remarks>
internal static class IndexPage
{
    /// <summary>More than any directory has that somebody lists with HTTP.</summary>
    public const int MaxNames = 1_000_000;

    /// <param name="page">Where the text came from.</param>
    /// <param name="leftOut">How many entries have names that no file can have here.</param>
    /// <returns>The names, or null for a page that is no index.</returns>
    public static ListedName[]? Read(Uri page, string text, out int leftOut)
    {
        var found = text.AsSpan().TrimStart().StartsWith("[") ? ReadJson(text) : ReadHtml(page, text);
        leftOut = 0;
        if (found is null) return null;
        var names = new Dictionary<string, ListedName>(StringComparer.Ordinal);
        foreach (var (name, isDirectory) in found)
        {
            if (!TreePaths.IsName(name)) leftOut++;
            else if (names.Count < MaxNames && (isDirectory || !names.ContainsKey(name))) names[name] = new ListedName(name, isDirectory);
        }

        return [.. names.Values];
    }

    private static List<(string Name, bool IsDirectory)>? ReadHtml(Uri page, string text)
    {
        var found = new List<(string, bool)>();
        // What tells an empty directory from a page that somebody wrote: the way up, or the title that these servers give it.
        var (isIndex, inTitle) = (false, false);
        foreach (var token in new TextSource(text).Tokenize(provider: null, errorHandler: null))
        {
            if (inTitle && token.Type == HtmlTokenType.Character)
                isIndex |= token.Data.TrimStart().StartsWith("Index of ", StringComparison.Ordinal)
                    || token.Data.TrimStart().StartsWith("Directory listing for ", StringComparison.Ordinal);
            if (token is not HtmlTagToken tag) continue;
            inTitle = tag is { Type: HtmlTokenType.StartTag, Name: "title" };
            if (tag is not { Type: HtmlTokenType.StartTag, Name: "a" }) continue;
            var link = tag.GetAttribute("href").Trim();
            isIndex |= link is "../" or "..";
            if (TreeAddress.ChildOf(page, link) is { } child) found.Add(child);
        }

        return isIndex || found.Count > 0 ? found : null;
    }

    private static List<(string Name, bool IsDirectory)>? ReadJson(string text)
    {
        try
        {
            using var json = JsonDocument.Parse(text);
            var found = new List<(string, bool)>();
            foreach (var item in json.RootElement.EnumerateArray())
            {
                if (item.ValueKind != JsonValueKind.Object || !item.TryGetProperty("name", out var named) || named.GetString() is not { } name)
                    return null;
                var isDirectory = item.TryGetProperty("is_dir", out var flag) ? flag.ValueKind == JsonValueKind.True
                    : item.TryGetProperty("type", out var type) && type.ValueEquals("directory");
                found.Add((isDirectory ? name.TrimEnd('/') : name, isDirectory));
            }

            return found;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return null;
        }
    }
}
