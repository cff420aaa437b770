namespace ModelFs.Vfs.Names;

/// <summary>What somebody may have meant by a name that does not exist.</summary>
public static class NearestNames
{
    /// <summary>As many as fit a line that is still read.</summary>
    public const int Most = 10;

    /// <summary>At most <see cref="Most"/> of the names: all in their own order where they are few, else the ones nearest to what was wanted.</summary>
    public static IReadOnlyList<string> Choose(string wanted, IReadOnlyList<string> names) =>
        names.Count <= Most ? names : [.. names.OrderBy(name => Distance(wanted, name)).Take(Most)];

    /// <summary>The one that a slip made of what was wanted, or null: more than two letters off is another name.</summary>
    public static string? Meant(string wanted, IReadOnlyList<string> names) =>
        names.MinBy(name => Distance(wanted, name)) is { } nearest && Distance(wanted, nearest) <= 2 ? nearest : null;

    /// <summary>Insertions, deletions and replacements that make one of the other (Levenshtein), capitals and small letters being equal.</summary>
    public static int Distance(ReadOnlySpan<char> from, ReadOnlySpan<char> to)
    {
        Span<int> row = to.Length < 512 ? stackalloc int[to.Length + 1] : new int[to.Length + 1];
        for (var j = 0; j <= to.Length; j++)
            row[j] = j;
        for (var i = 1; i <= from.Length; i++)
        {
            var diagonal = row[0];
            row[0] = i;
            for (var j = 1; j <= to.Length; j++)
            {
                var same = char.ToLowerInvariant(from[i - 1]) == char.ToLowerInvariant(to[j - 1]);
                var cost = Math.Min(Math.Min(row[j], row[j - 1]) + 1, diagonal + (same ? 0 : 1));
                diagonal = row[j];
                row[j] = cost;
            }
        }

        return row[to.Length];
    }
}
