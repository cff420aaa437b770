using System.Text;
using ModelFs.Fuse;
using ModelFs.Registries;
using ModelFs.Vfs.Content;
using ModelFs.Vfs.Freshness;
using ModelFs.Vfs.Listings;
using ModelFs.Vfs.Names;
using ModelFs.Vfs.Trees;

namespace ModelFs.Vfs;

/// <summary>Walks one path for a person: an error names the part at fault and what there is instead.</summary>
internal sealed class PathWalk(
    IReadOnlyList<string> names, IReadOnlyList<KeptRegistry> registries, IReadOnlyList<KeptTree> trees, CancellationToken cancellation)
{
    /// <summary>Of a registry's models, how many are looked at for what somebody may have meant.</summary>
    private const int MostConsidered = 2000;

    /// <param name="path">The directory's.</param>
    /// <param name="model">The model whose directory it is; not used for a registry's.</param>
    public static TreeNode NodeOf(string path, string registry, string model, ListedEntry entry)
    {
        var below = $"{path}/{Encoding.UTF8.GetString(entry.Name)}";
        return entry switch
        {
            ListedModel child => new ModelNode(below, registry, child.Model),
            ListedVersion version => new VersionNode(below, registry, version.Version),
            ListedLink link => new AliasNode(below, registry, model, link.Alias, link.Version, Encoding.UTF8.GetString(link.Target)),
            _ => throw new InvalidOperationException($"{entry.GetType()} has no place in the tree"),
        };
    }

    public static IEnumerable<TreeNode> ChildrenOf(string path, string registry, ManifestTree content, int directory)
    {
        var first = content.FirstChild(directory);
        for (var node = first; node < first + content.ChildCount(directory); node++)
            yield return NodeOf($"{path}/{Encoding.UTF8.GetString(content.Name(node))}", registry, content, node);
    }

    public async ValueTask<TreeResult<TreeNode>> WalkAsync(string path, bool followLast)
    {
        var parts = path.Split('/', StringSplitOptions.RemoveEmptyEntries);
        if (parts.Length == 0)
            return Ok(new RootNode());
        if (!names.Contains(parts[0]))
            return NoSuch($"there is no registry '{parts[0]}'", "there is", parts[0], names);
        if (parts.Length == 1)
            return Ok(new RegistryNode(parts[0]));
        if (trees.FirstOrDefault(tree => tree.Name == parts[0]) is { } files)
            return await WalkTreeAsync(files, parts.AsMemory(1)).ConfigureAwait(false);
        var registry = registries.First(candidate => candidate.Name == parts[0]);

        var model = await registry.FindModelAsync(Bytes(parts[1]), cancellation).ConfigureAwait(false);
        if (model.Value is not { } found)
            return IsAbsent(model.Error!) ? await NoModelAsync(registry, parts[1]).ConfigureAwait(false) : Fail(model.Error!, $"{registry.Name}/{parts[1]}");
        var modelPath = $"{registry.Name}/{EscapedName.EscapeToString(found.Name)}";
        return parts.Length == 2
            ? Ok(new ModelNode(modelPath, registry.Name, found))
            : await WalkModelAsync(registry, found, modelPath, parts.AsMemory(2), followLast).ConfigureAwait(false);
    }

    private async ValueTask<TreeResult<TreeNode>> WalkModelAsync(KeptRegistry registry, Model model, string path, ReadOnlyMemory<string> parts, bool followLast)
    {
        var name = parts.Span[0];
        var child = await registry.FindChildAsync(model.Name, Bytes(name), cancellation).ConfigureAwait(false);
        if (child.Value is ListedLink link)
        {
            if (parts.Length == 1 && !followLast)
                return Ok(new AliasNode($"{path}/{name}", registry.Name, model.Name, link.Alias, link.Version, link.Version));
            child = await registry.FindChildAsync(model.Name, link.Target, cancellation).ConfigureAwait(false);
            if (child.Error is { } dangling)
            {
                return IsAbsent(dangling)
                    ? new(null, Errno.ENOENT, $"{path}/{name} points to version {link.Version}, which cannot be read: it is pending, failed or deleted")
                    : Fail(dangling, $"{path}/{link.Version}");
            }
        }

        if (child.Value is not ListedVersion version)
            return IsAbsent(child.Error!) ? await NoChildAsync(registry, model, path, name).ConfigureAwait(false) : Fail(child.Error!, $"{path}/{name}");

        path += $"/{version.Key}";
        var answer = await registry.GetContentAsync(ContentKey.Of(version.Version), cancellation).ConfigureAwait(false);
        return answer.Value is { } content ? WalkFiles(registry, content, path, parts.Span[1..]) : Fail(answer.Error!, path);
    }

    private async ValueTask<TreeResult<TreeNode>> WalkTreeAsync(KeptTree tree, ReadOnlyMemory<string> parts)
    {
        TreeNode at = new RegistryNode(tree.Name);
        var directory = "";
        for (var i = 0; i < parts.Length; i++)
        {
            var name = parts.Span[i];
            if (at is TreeFileNode)
                return new(null, Errno.ENOTDIR, $"{at.Path} is a file");
            var answer = await tree.FindChildAsync(directory, Bytes(name), cancellation).ConfigureAwait(false);
            if (answer.Value is { } found)
            {
                at = TreeListing.NodeOf(tree.Name, found.Found);
                directory = found.Found.Path;
                continue;
            }

            return IsAbsent(answer.Error!)
                ? NoSuch($"{at.Path} has no '{name}'", "it has", name, await NamesAsync(await tree.ListAsync(directory, cancellation).ConfigureAwait(false)).ConfigureAwait(false))
                : Fail(answer.Error!, $"{at.Path}/{name}");
        }

        return Ok(at);
    }

    private static TreeResult<TreeNode> WalkFiles(KeptRegistry registry, ManifestTree content, string path, ReadOnlySpan<string> parts)
    {
        var node = 0;
        foreach (var part in parts)
        {
            if (!content.IsDirectory(node))
                return new(null, Errno.ENOTDIR, $"{path} is a file");
            var child = content.Find(node, Bytes(part));
            if (child < 0)
                return NoSuch($"{path} has no '{part}'", "it has", part, [.. ChildrenOf(path, registry.Name, content, node).Select(known => known.Name)]);
            path += $"/{part}";
            node = child;
        }

        return Ok(NodeOf(path, registry.Name, content, node));
    }

    private static TreeNode NodeOf(string path, string registry, ManifestTree content, int node) =>
        content.IsDirectory(node)
            ? new DirectoryNode(path, content.Manifest, content.PathOf(node))
            : new FileNode(path, registry, content.Manifest, content.File(node), content.Size(node));

    private async ValueTask<TreeResult<TreeNode>> NoModelAsync(KeptRegistry registry, string name)
    {
        var listing = await registry.ListModelsAsync(cancellation).ConfigureAwait(false);
        return NoSuch($"{registry.Name} has no model '{name}'", "it has", name, await NamesAsync(listing).ConfigureAwait(false));
    }

    private async ValueTask<TreeResult<TreeNode>> NoChildAsync(KeptRegistry registry, Model model, string path, string name)
    {
        var listing = await registry.ListChildrenAsync(model.Name, cancellation).ConfigureAwait(false);
        return NoSuch($"{path} has no alias or version '{name}'", "it has", name, await NamesAsync(listing).ConfigureAwait(false));
    }

    /// <summary>Names to suggest. That they cannot be had is no error of the one who mistyped.</summary>
    private async ValueTask<IReadOnlyList<string>> NamesAsync(Answer<Listing> answer)
    {
        if (answer.Value is not { } listing)
            return [];
        await listing.EnsureAsync(MostConsidered, cancellation).ConfigureAwait(false);
        return [.. listing.Snapshot().Take(MostConsidered).Select(entry => Encoding.UTF8.GetString(entry.Name))];
    }

    private static TreeResult<TreeNode> NoSuch(string fault, string instead, string wanted, IReadOnlyList<string> known)
    {
        var some = NearestNames.Choose(wanted, known);
        var hint = some.Count == 0 ? "" : $"; {instead}: {string.Join(", ", some)}{(some.Count < known.Count ? ", …" : "")}";
        return new(null, Errno.ENOENT, fault + hint);
    }

    private static bool IsAbsent(RegistryError error) => error.Kind == RegistryErrorKind.NotFound;

    private static byte[] Bytes(string name) => Encoding.UTF8.GetBytes(name);

    private static TreeResult<TreeNode> Ok(TreeNode node) => new(node, Errno.None, null);

    private static TreeResult<TreeNode> Fail(RegistryError error, string path) => new(null, Errnos.Of(error), $"{path}: {error.Message}");
}
