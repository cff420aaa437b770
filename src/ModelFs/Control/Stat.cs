using ModelFs.Cache;
using ModelFs.Configuration;
using ModelFs.Registries;
using ModelFs.Vfs;

namespace ModelFs.Control;

/// <summary>Gathers all that is known of one place in the tree.</summary>
internal sealed class Stat(ModelTree tree, Inventory inventory, Func<string, (string Kind, string Description)?> registry)
{
    /// <param name="path">A path of the tree.</param>
    public async Task<StatReport> OfAsync(string path, CancellationToken cancellation)
    {
        var named = (await tree.ResolveAsync(path, followLast: false, cancellation)).OrThrow(path);
        var node = named is AliasNode ? (await tree.ResolveAsync(path, followLast: true, cancellation)).OrThrow(path) : named;
        var name = node.Path.Length > 0 ? node.Path.Split('/')[0] : null;
        var version = VersionOf(node);
        var (asked, _) = await tree.GetAnswerTimesAsync(named, cancellation);
        var (_, files) = await tree.GetAnswerTimesAsync(node, cancellation);
        var report = new StatReport(
            named.Path,
            named is AliasNode ? EntryKind.Link : node is ContentNode ? EntryKind.File : EntryKind.Directory,
            named is AliasNode ? node.Path : null,
            name,
            name is null ? null : registry(name)?.Kind,
            name is null ? null : registry(name)?.Description,
            version?.Model ?? (node as ModelNode)?.Model.Name,
            version?.Version,
            version?.Created,
            version is { ContentUri.Length: > 0 } ? Secret.Removed(version.ContentUri) : null,
            null, null, null, null, null, null, null, null,
            asked,
            files);
        return node switch
        {
            ContentNode file => await AddFileAsync(report, file),
            DirectoryNode directory => await AddDirectoryAsync(report, directory, cancellation),
            _ => await AddStoredAsync(report, node.Path, cancellation),
        };
    }

    private async Task<StatReport> AddFileAsync(StatReport report, ContentNode file)
    {
        var descriptor = tree.Describe(file);
        var state = await tree.GetStateAsync(file);
        return report with
        {
            Size = state.Size ?? file.Size,
            CachedBytes = state.CachedBytes,
            Digest = descriptor.Sha256.IsEmpty ? null : "sha256:" + Convert.ToHexStringLower(descriptor.Sha256.Span),
            Verified = state switch { { Quarantined: true } => "no", { Sealed: true, DigestMatched: true } => "yes", _ => "unknown" },
            Mode = await tree.GetModeAsync(file),
            Pinned = inventory.IsPinned(descriptor.Key),
            Object = descriptor.Key.ToString(),
        };
    }

    private async Task<StatReport> AddDirectoryAsync(StatReport report, DirectoryNode directory, CancellationToken cancellation)
    {
        var (files, size, cached, pinned) = (0, 0L, 0L, true);
        await foreach (var result in tree.ListFilesBelowAsync(directory, cancellation))
        {
            var file = result.OrThrow(directory.Path);
            files++;
            size += file.Size ?? 0;
            cached += (await tree.GetStateAsync(file)).CachedBytes;
            pinned &= inventory.IsPinned(tree.Describe(file).Key);
        }

        return report with { Files = files, Size = size, CachedBytes = cached, Pinned = files > 0 && pinned };
    }

    private async Task<StatReport> AddStoredAsync(StatReport report, string path, CancellationToken cancellation)
    {
        var (counted, bytes) = (new HashSet<ObjectKey>(), 0L);
        await foreach (var stored in inventory.ListAsync(path.Length > 0 ? path : null, cancellation))
            bytes += counted.Add(stored.Key) ? stored.Bytes : 0;
        return report with { CachedBytes = bytes };
    }

    private static ModelVersion? VersionOf(TreeNode node) => node switch
    {
        FileNode file => file.Manifest.Version,
        DirectoryNode directory => directory.Manifest.Version,
        VersionNode version => version.Version,
        _ => null,
    };
}
