using System.Text;

namespace ModelFs.Registries;

/// <summary>Which paths a tree of files can have: those that Linux can have, without what a terminal would obey.</summary>
public static class TreePaths
{
    /// <summary>NAME_MAX of Linux.</summary>
    public const int MaxNameBytes = 255;

    /// <summary>Whether a name can be that of a file or directory: text of 1 to 255 bytes without slashes and control characters, and neither <c>.</c> nor <c>..</c>.</summary>
    public static bool IsName(string name) =>
        name.Length is > 0 and <= MaxNameBytes
        && name is not ("." or "..")
        && !name.AsSpan().Contains('/')
        && !name.Any(char.IsControl)
        && !name.Contains('\uFFFD', StringComparison.Ordinal)
        && ManifestBuilder.PathFault(name) is null
        && Encoding.UTF8.GetByteCount(name) <= MaxNameBytes;

    /// <summary>Whether a path can be one below the root of a tree: at most 4095 bytes and 64 names.</summary>
    public static bool IsPath(string path) => ManifestBuilder.PathFault(path) is null && path.Split('/').All(IsName);

    public static string Join(string directory, string name) => directory.Length == 0 ? name : $"{directory}/{name}";
}
