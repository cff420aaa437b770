using System.Collections.Concurrent;
using System.Text;
using ModelFs.Registries;

namespace ModelFs.Vfs.Tests.Support;

/// <summary>A tree of files in memory, which a test changes as it likes. It has ranges, and refuses other content than was found.</summary>
internal sealed class MemoryFiles : IFileTree
{
    public const string Name = "WWW";

    private readonly ConcurrentDictionary<string, (byte[] Content, string Validator)> files = new(StringComparer.Ordinal);
    private readonly ConcurrentQueue<string> calls = new();

    public string Description => "memory: files";

    public TimeSpan FoundTtl { get; init; } = TimeSpan.FromMinutes(5);

    public TimeSpan AbsentTtl { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Names that are found and not listed.</summary>
    public HashSet<string> Hidden { get; } = [];

    public bool TellsSizes { get; set; } = true;

    /// <summary>What every question is answered with while it is set.</summary>
    public RegistryError? Fault { get; set; }

    public IReadOnlyList<string> Calls => [.. calls];

    public void Put(string path, byte[] content, string validator) => files[path] = (content, validator);

    public void Put(string path, string text, string validator = "\"1\"") => Put(path, Encoding.UTF8.GetBytes(text), validator);

    public void Remove(string path) => files.TryRemove(path, out _);

    public void ForgetCalls() => calls.Clear();

    public ValueTask<RegistryResult<TreeEntry>> FindAsync(string path, CancellationToken cancellation)
    {
        calls.Enqueue($"find {path}");
        return new(
            Fault is { } fault ? fault
            : files.TryGetValue(path, out var file) ? new TreeEntry(path, FileOf(path, file))
            : Children(path).Count > 0 ? new TreeEntry(path, null)
            : new RegistryError(RegistryErrorKind.NotFound, path));
    }

    public ValueTask<RegistryResult<ListedName[]>> ListAsync(string path, CancellationToken cancellation)
    {
        calls.Enqueue($"list {path}");
        return new(Fault is { } fault ? fault : Children(path).Where(child => !Hidden.Contains(child.Name)).ToArray());
    }

    public ValueTask<RegistryResult<ContentStream>> OpenAsync(TreeFile file, long offset, long length, CancellationToken cancellation)
    {
        calls.Enqueue($"open {file.Path}");
        if (Fault is { } fault)
            return new(fault);
        if (!files.TryGetValue(file.Path, out var now) || FileOf(file.Path, now) != file)
            return new(new RegistryError(RegistryErrorKind.Changed, $"{file.Path} is another one now"));
        var end = (int)Math.Min(now.Content.Length, length > long.MaxValue - offset ? long.MaxValue : offset + length);
        return new(new ContentStream(new MemoryStream(now.Content[(int)offset..end]), offset, now.Content.Length));
    }

    public ValueTask<RegistryResult<Registries.Unit>> PingAsync(CancellationToken cancellation) => new(default(Registries.Unit));

    public ValueTask DisposeAsync() => default;

    private TreeFile FileOf(string path, (byte[] Content, string Validator) file) =>
        new(path, TellsSizes ? file.Content.Length : null, file.Validator, DateTimeOffset.UnixEpoch.AddDays(1));

    private List<ListedName> Children(string path)
    {
        var prefix = path.Length == 0 ? "" : path + "/";
        return
        [
            .. files.Keys.Where(file => file.StartsWith(prefix, StringComparison.Ordinal))
                .Select(file => file[prefix.Length..].Split('/'))
                .Select(parts => new ListedName(parts[0], parts.Length > 1))
                .Distinct()
                .OrderBy(child => child.Name, StringComparer.Ordinal),
        ];
    }
}
