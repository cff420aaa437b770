using Microsoft.Extensions.Logging;
using ModelFs.Fuse;
using ModelFs.Vfs.Content;
using ModelFs.Vfs.Trees;

namespace ModelFs.Vfs.Nodes;

/// <summary>What a node id means, with what is needed to answer for it.</summary>
/// <param name="Registry">Null for the root, and in a tree of files.</param>
/// <param name="Content">The files of the version it is in; for a version's own directory only if they are in memory.</param>
internal readonly record struct Place(NodeId Id, NodeKey Key, KeptRegistry? Registry, ManifestTree? Content)
{
    /// <summary>The tree of files that it is in; null elsewhere.</summary>
    public KeptTree? Tree { get; init; }

    public bool IsFile => Key.Kind == NodeKind.TreeFile || (Key.Kind == NodeKind.Content && !Content!.IsDirectory(Id.Index));

    /// <summary>A version's directory or one below it: never changes.</summary>
    public bool IsInVersion => Key.Kind is NodeKind.Version or NodeKind.Content;
}

/// <summary>Finds what node ids mean, also those that the kernel got from an earlier run.</summary>
internal sealed class Places(KeptRegistry[] registries, KeptTree[] trees, NodeTable nodes, ILogger log)
{
    /// <summary>Without waiting, where everything is in memory.</summary>
    public bool TryFind(ulong node, out Place place)
    {
        var id = new NodeId(node);
        place = new Place(id, default, null, null);
        if (id.IsRoot)
            return true;
        if (!nodes.TryGetKey(id.Ordinal, out var key))
            return false;
        if (TreeOf(key) is { } tree)
        {
            place = new Place(id, key, null, null) { Tree = tree };
            return true;
        }

        if (RegistryOf(key) is not { } registry)
            return false;
        var content = key.Kind is NodeKind.Version or NodeKind.Content ? registry.PeekContent(key.Content) : null;
        place = new Place(id, key, registry, content);
        return key.Kind != NodeKind.Content || (content is not null && Fits(id, key, content));
    }

    /// <returns>ESTALE for an id that means nothing any more: the kernel then looks its name up again.</returns>
    public async ValueTask<FuseResult<Place>> FindAsync(ulong node, CancellationToken cancellation)
    {
        if (TryFind(node, out var place))
            return place;
        var id = new NodeId(node);
        if (!nodes.TryGetKey(id.Ordinal, out var key))
        {
            if (await nodes.FindAsync(id.Ordinal).WaitAsync(cancellation).ConfigureAwait(false) is not { } found)
                return Stale(id, "no such number was given");
            key = found;
        }

        if (TreeOf(key) is { } tree)
            return new Place(id, key, null, null) { Tree = tree };
        if (RegistryOf(key) is not { } registry)
            return Stale(id, $"{key.Registry} is not configured");
        if (key.Kind != NodeKind.Content)
            return new Place(id, key, registry, null);
        var answer = await registry.GetContentAsync(key.Content, cancellation).ConfigureAwait(false);
        if (answer.Value is not { } content)
            return Errnos.Of(answer.Error!);
        return Fits(id, key, content) ? new Place(id, key, registry, content) : Stale(id, $"{registry.Name}/{key.Model}/{key.Name} has other files now");
    }

    /// <summary>The node id of one of a version's files or directories.</summary>
    public async ValueTask<NodeId> IdOfAsync(KeptRegistry registry, ManifestTree content, int index)
    {
        if (index == 0)
        {
            var version = content.Manifest.Version;
            return await IdOfAsync(new NodeKey(NodeKind.Version, registry.Name, version.Model, version.Version, version.Created)).ConfigureAwait(false);
        }

        await NumberAsync(registry, content).ConfigureAwait(false);
        return NodeId.Of(content.Ordinal, index);
    }

    public ValueTask<NodeId> IdOfAsync(NodeKey key)
    {
        return nodes.TryGetOrdinal(key, out var ordinal) ? new(NodeId.Of(ordinal)) : AskAsync();

        async ValueTask<NodeId> AskAsync() => NodeId.Of(await nodes.GetOrAddAsync(key).ConfigureAwait(false));
    }

    /// <summary>Makes sure that the ids of a version's files can be told.</summary>
    public async ValueTask NumberAsync(KeptRegistry registry, ManifestTree content)
    {
        if (content.Ordinal != 0)
            return;
        var version = content.Manifest.Version;
        var key = new NodeKey(NodeKind.Content, registry.Name, version.Model, version.Version, version.Created, content.Fingerprint);
        content.Ordinal = await nodes.GetOrAddAsync(key).ConfigureAwait(false);
    }

    public KeptRegistry? RegistryOf(NodeKey key)
    {
        if (key.Kind is NodeKind.TreeDirectory or NodeKind.TreeFile)
            return null;
        foreach (var registry in registries)
        {
            if (registry.Name == key.Registry)
                return registry;
        }

        return null;
    }

    /// <summary>The tree that a key is in, unless its name belongs to a registry of models by now.</summary>
    private KeptTree? TreeOf(NodeKey key)
    {
        if (key.Kind is not (NodeKind.Registry or NodeKind.TreeDirectory or NodeKind.TreeFile))
            return null;
        foreach (var tree in trees)
        {
            if (tree.Name == key.Registry)
                return tree;
        }

        return null;
    }

    private Errno Stale(NodeId id, string reason)
    {
        log.NodeIsStale(id.Value, reason);
        return Errno.ESTALE;
    }

    private static bool Fits(NodeId id, NodeKey key, ManifestTree content)
    {
        if (content.Fingerprint != key.Fingerprint || id.Index >= content.Count)
            return false;
        content.Ordinal = id.Ordinal;
        return true;
    }
}
