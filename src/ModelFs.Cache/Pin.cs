using System.Globalization;

namespace ModelFs.Cache;

/// <summary>A version, directory or file whose objects are never evicted.</summary>
/// <param name="Name">Where it is in the tree: <c>MLFLOW/iris/2</c>.</param>
/// <param name="Setting">The configured path that leads there: the pin moves with it. Null when a person pinned it.</param>
/// <param name="Keys">Its objects, 32 hexadecimal digits each.</param>
public sealed record Pin(string Name, string? Setting, IReadOnlyList<string> Keys)
{
    public static Pin Of(string name, string? setting, IEnumerable<ObjectKey> keys) =>
        new(name, setting, [.. keys.Select(key => key.ToString()).Distinct().Order(StringComparer.Ordinal)]);

    /// <summary>What it is changed by: a person's pin and a configured one of the same place are two.</summary>
    internal string Id => Setting is null ? Name : "=" + Setting;

    internal IEnumerable<ObjectKey> Objects()
    {
        foreach (string key in Keys)
        {
            if (UInt128.TryParse(key, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var value))
                yield return new ObjectKey(value);
        }
    }

    internal bool IsLike(Pin other) => Name == other.Name && Setting == other.Setting && Keys.SequenceEqual(other.Keys);
}
