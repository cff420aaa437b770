using System.Text;

namespace ModelFs.Registries;

/// <summary>
/// Collects the files of a version as a registry lists them, and refuses the whole listing at the first entry that is not safe or makes
/// no sense: a registry that names <c>../x</c> once is wrong about more than that one file.
/// </summary>
internal sealed class ManifestBuilder
{
    public const int MaxFiles = 1_000_000;
    public const int MaxDepth = 64;

    /// <summary>Linux takes no longer path, its NUL included.</summary>
    public const int MaxPathBytes = 4095;

    /// <summary>1 TiB, beyond which the cache keeps no file: twice the largest that any hub takes. What costs something for each block of a claimed size is then bounded.</summary>
    public const long MaxSize = 1L << 40;

    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    // A path to its size; directories have a negative one.
    private const long IsDirectory = -2;
    private const long SizeUnknown = -1;
    private readonly Dictionary<string, long> entries = new(StringComparer.Ordinal);
    private readonly Dictionary<string, DateTime> modified = new(StringComparer.Ordinal);
    private int files;

    /// <returns>What is wrong with the entry, or null.</returns>
    public string? AddFile(string path, long? size, DateTime? written = null)
    {
        if (PathFault(path) is { } fault) return fault;
        if (SizeFault(path, size) is { } wrong) return wrong;
        if (!TryAddParents(path)) return $"{Shown.Quoted(path)} lies in a directory that is also a file";
        var value = size ?? SizeUnknown;
        if (entries.TryGetValue(path, out var known))
            return known == value ? null : $"{Shown.Quoted(path)} is listed twice, and differently";
        if (++files > MaxFiles) return $"it has more than {MaxFiles} files";
        entries.Add(path, value);
        if (written is { } time) modified.Add(path, time);
        return null;
    }

    /// <summary>Notes a directory, so that a file of the same name is found out.</summary>
    /// <returns>What is wrong with it, or null.</returns>
    public string? AddDirectory(string path, out bool isNew)
    {
        isNew = false;
        if (PathFault(path) is { } fault) return fault;
        if (!TryAddParents(path)) return $"{Shown.Quoted(path)} lies in a directory that is also a file";
        if (entries.TryGetValue(path, out var known))
            return known == IsDirectory ? null : $"{Shown.Quoted(path)} is both a file and a directory";
        if (entries.Count - files > MaxFiles) return $"it has more than {MaxFiles} directories";
        entries.Add(path, IsDirectory);
        isNew = true;
        return null;
    }

    /// <summary>The files whose size the listing did not give.</summary>
    public List<string> WithoutSize() => [.. entries.Where(entry => entry.Value == SizeUnknown).Select(entry => entry.Key)];

    public string? SetSize(string path, long size)
    {
        if (SizeFault(path, size) is { } wrong) return wrong;
        entries[path] = size;
        return null;
    }

    public Manifest Build(ModelVersion version) => new(
        version,
        [.. entries.Where(entry => entry.Value != IsDirectory)
            .OrderBy(entry => entry.Key, StringComparer.Ordinal)
            .Select(entry => new ManifestFile(
                entry.Key, entry.Value == SizeUnknown ? null : entry.Value, Modified: modified.TryGetValue(entry.Key, out var written) ? written : null))]);

    private static string? SizeFault(string path, long? size) => size is < 0 or > MaxSize
        ? $"{Shown.Quoted(path)} is said to have {size} bytes, and no file here may have more than {MaxSize} (1 TiB)"
        : null;

    /// <summary>Why a path cannot be one below a version's directory, or null.</summary>
    public static string? PathFault(string path)
    {
        var reason = ReasonAgainst(path);
        return reason is null ? null : $"the path {Shown.Quoted(path)} {reason}";
    }

    private static string? ReasonAgainst(string path)
    {
        if (path.Length == 0) return "is empty";
        if (path[0] == '/') return "is absolute";
        if (path.Contains('\0', StringComparison.Ordinal)) return "holds a NUL";
        try
        {
            if (path.Length > MaxPathBytes || Strict.GetByteCount(path) > MaxPathBytes) return $"is longer than {MaxPathBytes} bytes";
        }
        catch (EncoderFallbackException)
        {
            return "is not Unicode";
        }

        var depth = 0;
        foreach (var segment in path.AsSpan().Split('/'))
        {
            switch (path.AsSpan(segment))
            {
                case "": return "has an empty part";
                case ".": return "has a part '.'";
                case "..": return "climbs";
            }

            if (++depth > MaxDepth) return $"is deeper than {MaxDepth} directories";
        }

        return null;
    }

    private bool TryAddParents(string path)
    {
        for (var slash = path.IndexOf('/', StringComparison.Ordinal); slash > 0; slash = path.IndexOf('/', slash + 1))
        {
            var parent = path[..slash];
            if (!entries.TryAdd(parent, IsDirectory) && entries[parent] != IsDirectory) return false;
        }

        return true;
    }
}
