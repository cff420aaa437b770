namespace ModelFs.Control;

/// <summary>Objects of the cache summed up by place.</summary>
/// <param name="Path">A model, a version or a file; <c>unknown</c> for objects of which nobody knows whose they are.</param>
/// <param name="Bytes">On disk; what the place shares with others counts in each.</param>
/// <param name="Complete">Files that are complete and checked.</param>
internal sealed record CacheRow(string Path, long Bytes, int Files, int Complete, int Pinned, int Open, DateTimeOffset LastUse)
{
    private const string Unknown = "unknown";

    /// <param name="depth">How many parts of a path make a place; 0 for each file by itself.</param>
    public static List<CacheRow> SumUp(IEnumerable<CachedItem> items, int depth) =>
    [
        .. items.GroupBy(item => PlaceOf(item, depth)).Select(group =>
        {
            var files = group.DistinctBy(item => item.Object).ToList();
            return new CacheRow(
                group.Key,
                files.Sum(f => f.Bytes),
                files.Count,
                files.Count(f => f.Complete),
                files.Count(f => f.Pinned),
                files.Count(f => f.Open),
                files.Max(f => f.LastUse));
        }),
    ];

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
