using System.Globalization;

namespace ModelFs.Cache.Objects;

/// <summary><c>&lt;directory&gt;/objects/&lt;2 hex&gt;/&lt;32 hex&gt;</c>: 256 directories keep each small.</summary>
internal sealed class ObjectPaths(string directory)
{
    public string Root { get; } = Path.Combine(directory, "objects");

    public string Of(ObjectKey key)
    {
        string name = key.ToString();
        return Path.Combine(Root, name[..2], name);
    }

    /// <summary>The key that a file in <see cref="Root"/> belongs to; null for what is not ours.</summary>
    public static ObjectKey? KeyOf(ReadOnlySpan<char> fileName)
    {
        int dot = fileName.IndexOf('.');
        var digits = dot < 0 ? fileName : fileName[..dot];
        return digits.Length == 32 && UInt128.TryParse(digits, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var value)
            ? new ObjectKey(value)
            : null;
    }
}
