using System.Globalization;

namespace ModelFs.Control;

/// <summary>Objects of the cache summed up by place.</summary>
/// <param name="Path">A model, a version or a file; <c>unknown</c> for objects of which nobody knows whose they are.</param>
/// <param name="Bytes">On disk; what the place shares with others counts in each.</param>
/// <param name="Complete">Files that are complete and checked.</param>
internal sealed record CacheRow(string Path, long Bytes, int Files, int Complete, int Pinned, int Open, DateTimeOffset LastUse)
{
    private const string Unknown = "unknown";

    /// <param name="depth">How many parts of a path make a place; 0 for each file by itself.</param>
    public static async Task<List<CacheRow>> SumUpAsync(IAsyncEnumerable<CachedItem> items, int depth)
    {
        var rows = new Dictionary<string, CacheRow>(StringComparer.Ordinal);
        // A file counts once in a place, however many names it has there.
        var counted = new HashSet<(string Place, UInt128 Object)>();
        await foreach (var item in items)
        {
            var place = PlaceOf(item, depth);
            var row = rows.GetValueOrDefault(place) ?? new CacheRow(place, 0, 0, 0, 0, 0, item.LastUse);
            if (counted.Add((row.Path, UInt128.Parse(item.Object, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture))))
                rows[row.Path] = row.With(item);
        }

        return [.. rows.Values];
    }

    private CacheRow With(CachedItem item) => new(
        Path,
        Bytes + item.Bytes,
        Files + 1,
        Complete + (item.Complete ? 1 : 0),
        Pinned + (item.Pinned ? 1 : 0),
        Open + (item.Open ? 1 : 0),
        item.LastUse > LastUse ? item.LastUse : LastUse);

    private static string PlaceOf(CachedItem item, int depth)
    {
        if (depth == 0)
            return item.Path;
        if (item.Registry is null)
            return Unknown;
        int end = -1;
        for (int part = 0; part < depth; part++)
        {
            end = item.Path.IndexOf('/', end + 1);
            if (end < 0)
                return item.Path;
        }

        return item.Path[..end];
    }
}
