using System.Text.Json;
using System.Text.RegularExpressions;
using ModelFs.Tests.Harness;

namespace ModelFs.Tests.Soak;

/// <summary>The directory of a cache as <c>du</c> sees it.</summary>
internal sealed partial class SoakCache(string directory)
{
    /// <summary>What a filesystem may take for the map of one sparse file, beyond its blocks.</summary>
    private const long MapBytes = 16 << 10;

    private string Objects => Path.Combine(directory, "objects");

    public long Bytes => AllocatedBytes(directory);

    /// <summary>The sizes of the files that are complete; the small ones of two versions may be alike.</summary>
    public HashSet<long> Sealed() => [.. ObjectFiles().Where(f => File.Exists(f + ".seal")).Select(f => new FileInfo(f).Length)];

    /// <summary>Each file: its size, blocks of 512 bytes, when it was made, its generation.</summary>
    public string Describe() => Shell.RunAsync(
        $"cd '{Objects}' && find . -type f -printf '%p %s %b %Bc ' -exec getfattr --only-values -n user.modelfs.generation {{}} ';' -printf '\n' 2>/dev/null | cat -v").GetAwaiter().GetResult().Output;

    /// <summary>What <c>cache info</c> says that is not so, or null.</summary>
    public string? DifferenceTo(JsonElement info)
    {
        var all = Directory.GetFiles(Objects, "*", SearchOption.AllDirectories);
        if (all.FirstOrDefault(f => !Named().IsMatch(Path.GetFileName(f))) is { } stranger)
            return $"{stranger} is left over";
        if (all.FirstOrDefault(f => f.EndsWith(".seal", StringComparison.Ordinal) && !File.Exists(f[..^5])) is { } widow)
            return $"{widow} speaks of a file that is not there";
        var (objects, sealedObjects, bytes) = (ObjectFiles().Count(), all.Count(f => f.EndsWith(".seal", StringComparison.Ordinal)), AllocatedBytes(Objects, "-type", "f"));
        var (counted, countedSealed, countedBytes) = (info.GetProperty("objects").GetInt32(), info.GetProperty("sealed").GetInt32(), info.GetProperty("objectBytes").GetInt64());
        return (counted, countedSealed) == (objects, sealedObjects) && Math.Abs(countedBytes - bytes) <= MapBytes * objects
            ? null
            : $"on disk are {objects} files, {sealedObjects} of them complete, {bytes} bytes; counted are {counted}, {countedSealed}, {countedBytes}";
    }

    private IEnumerable<string> ObjectFiles() =>
        Directory.Exists(Objects) ? Directory.EnumerateFiles(Objects, "*", SearchOption.AllDirectories).Where(f => !Path.GetFileName(f).Contains('.', StringComparison.Ordinal)) : [];

    private static long AllocatedBytes(string directory, params string[] only)
    {
        var found = Shell.RunAsync($"find '{directory}' {string.Join(' ', only)} -printf '%b\\n'").GetAwaiter().GetResult();
        return found.Lines.Sum(long.Parse) * 512;
    }

    [GeneratedRegex("^[0-9a-f]{32}(\\.seal)?$")]
    private static partial Regex Named();
}
