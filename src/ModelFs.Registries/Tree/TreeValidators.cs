using System.Globalization;

namespace ModelFs.Registries.Tree;

/// <summary>What tells one content of a file from the next: the entity tag, else the date of its last change.</summary>
/// <remarks>
/// A server that gives neither leaves nothing to compare: the file as it was found at one time is a content of its own then, and is
/// fetched in one answer only, since nobody could tell whether two belong together.
/// </remarks>
internal sealed class TreeValidators
{
    /// <summary>Longer than any server's; it becomes part of a node's key.</summary>
    private const int MaxLength = 512;

    private const string AskedPrefix = "asked ";

    /// <summary>Contents without a validator whose one answer is remembered. Older ones than these are taken to have had theirs.</summary>
    private const int MostBegun = 4096;

    // Of another run nobody remembers what was begun.
    private readonly string run = Guid.NewGuid().ToString("N")[..8];
    private readonly Lock gate = new();
    private readonly SortedSet<long> begun = [];
    private long lastAsked;
    private long floor;

    /// <summary>The validator of an answer, or null where it has none.</summary>
    public static string? Of(HttpResponseMessage response)
    {
        if (response.Headers.ETag?.ToString() is { Length: <= MaxLength } tag) return tag;
        return response.Content.Headers.LastModified is { } modified ? modified.ToString("r", CultureInfo.InvariantCulture) : null;
    }

    /// <summary>Stands in for a validator that the server does not give.</summary>
    public string Next() => string.Create(CultureInfo.InvariantCulture, $"{AskedPrefix}{run} {Interlocked.Increment(ref lastAsked)}");

    /// <summary>Whether the server gave it, so that answers can be held against it.</summary>
    public static bool IsGiven(string validator) => !validator.StartsWith(AskedPrefix, StringComparison.Ordinal);

    /// <summary>The header by which a server refuses to send other content than this. A weak tag has none, and is only compared.</summary>
    public static KeyValuePair<string, string>[] Precondition(string validator) =>
        !IsGiven(validator) || validator.StartsWith("W/", StringComparison.Ordinal) ? []
        : validator.StartsWith('"') ? [new("If-Match", validator)]
        : [new("If-Unmodified-Since", validator)];

    /// <summary>Takes the one answer that a content without a validator may be fetched in.</summary>
    /// <returns>False when it was taken before.</returns>
    public bool TryBegin(string stand)
    {
        var parts = stand.Split(' ');
        if (parts.Length != 3 || parts[1] != run || !long.TryParse(parts[2], NumberStyles.None, CultureInfo.InvariantCulture, out var number)) return false;
        lock (gate)
        {
            if (number <= floor || !begun.Add(number)) return false;
            if (begun.Count <= MostBegun) return true;
            floor = begun.Min;
            return begun.Remove(floor);
        }
    }
}
