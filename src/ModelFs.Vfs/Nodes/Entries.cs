using ModelFs.Cache;
using ModelFs.Fuse;
using ModelFs.Registries;
using ModelFs.Vfs.Content;
using ModelFs.Vfs.Files;
using ModelFs.Vfs.Listings;
using ModelFs.Vfs.Trees;

namespace ModelFs.Vfs.Nodes;

/// <summary>Names to nodes, and nodes to attributes.</summary>
internal sealed class Entries(ModelTree tree, Places places, OpenFiles files, Passthrough passthrough, TreeEntries treeEntries)
{
    private readonly TreeOptions options = tree.Options;

    /// <summary>Whether the kernel may keep a version's names: not while it has none, for then they may still be on their way.</summary>
    public static bool IsFinal(ManifestTree content) => content.Count > 1;

    /// <summary>What is found without waiting: within a version, the hot path of a loader, which probes dozens of names that do not exist;
    /// and of a registry the models that somebody has listed.</summary>
    public bool TryLookup(Place parent, ReadOnlySpan<byte> name, out FuseEntry entry)
    {
        entry = default;
        if (parent.Key.Kind == NodeKind.Registry && parent.Registry?.PeekListed(name) is { Ordinal: not 0 } listed)
        {
            entry = Make(NodeId.Of(listed.Ordinal), listed, options.AliasTtl / 2);
            return true;
        }

        if (!parent.IsInVersion || parent.Content is not { } content || !content.IsDirectory(parent.Id.Index))
            return false;
        var child = content.Find(parent.Id.Index, name);
        if (child < 0)
            entry = FuseEntry.Absent(IsFinal(content) ? options.ImmutableTtl : options.AliasTtl);
        else if (content.Ordinal == 0 || !TryMake(parent.Registry!, content, child, out entry))
            return false;
        return true;
    }

    public async ValueTask<FuseResult<FuseEntry>> LookupAsync(Place parent, byte[] name, CancellationToken cancellation)
    {
        if (parent.Tree is not null)
            return await treeEntries.LookupAsync(parent, name, cancellation).ConfigureAwait(false);
        switch (parent.Key.Kind)
        {
            case default(NodeKind):
                return await LookupRegistryAsync(name).ConfigureAwait(false);
            case NodeKind.Registry:
                var model = await parent.Registry!.FindModelAsync(name, cancellation).ConfigureAwait(false);
                return model.Value is { } found ? await MakeAsync(parent.Registry, found, model.Ttl).ConfigureAwait(false) : Absent(model.Error!, model.Ttl);
            case NodeKind.Model:
                var child = await parent.Registry!.FindChildAsync(parent.Key.Model, name, cancellation).ConfigureAwait(false);
                if (child.Value is not { } listed)
                    return Absent(child.Error!, child.Ttl);
                var id = await places.IdOfAsync(KeyOf(parent, listed)).ConfigureAwait(false);
                return Make(id, listed, child.Ttl);
            case NodeKind.Link:
                return Errno.ENOTDIR;
            default:
                return await LookupFileAsync(parent, name, cancellation).ConfigureAwait(false);
        }
    }

    public bool TryGetAttributes(Place place, out FuseAttributesReply reply)
    {
        reply = default;
        switch (place.Key.Kind)
        {
            case default(NodeKind) or NodeKind.Registry:
                reply = new(NodeAttributes.Directory(place.Id, NodeAttributes.NoTime), options.ImmutableTtl);
                return true;
            case NodeKind.Version:
                reply = new(NodeAttributes.Directory(place.Id, place.Key.Created), options.ImmutableTtl);
                return true;
            case NodeKind.Content when TryGetAttributes(place.Content!, place.Id, out var attributes):
                reply = new(attributes, options.ImmutableTtl);
                return true;
            default:
                return false;
        }
    }

    public async ValueTask<FuseResult<FuseAttributesReply>> GetAttributesAsync(Place place, CancellationToken cancellation)
    {
        if (TryGetAttributes(place, out var reply))
            return reply;
        if (place.Tree is not null)
            return await treeEntries.GetAttributesAsync(place, cancellation).ConfigureAwait(false);
        switch (place.Key.Kind)
        {
            case NodeKind.Model:
                var model = await place.Registry!.GetKnownModelAsync(place.Key.Model, cancellation).ConfigureAwait(false);
                return model.Value is { } found
                    ? new FuseAttributesReply(NodeAttributes.Directory(place.Id, found.Updated), model.Ttl)
                    : Errnos.Of(model.Error!);
            case NodeKind.Link:
                var child = await place.Registry!.GetLinkAsync(place.Key.Model, place.Key.Name, cancellation).ConfigureAwait(false);
                return child.Value is ListedLink link
                    ? new FuseAttributesReply(NodeAttributes.Link(place.Id, link.Target.Length, link.Time), child.Ttl)
                    : Errnos.Of(child.Error!);
            default:
                var size = await LearnSizeAsync(place, cancellation).ConfigureAwait(false);
                if (!size.IsOk)
                    return size.Error;
                return new FuseAttributesReply(NodeAttributes.File(place.Id, size.Value, place.Key.Created), options.ImmutableTtl);
        }
    }

    /// <summary>The manifest of the version that a place is in.</summary>
    public async ValueTask<FuseResult<ManifestTree>> GetContentAsync(Place place, CancellationToken cancellation)
    {
        if (place.Content is { } known && IsFinal(known))
            return known;
        var answer = await place.Registry!.GetContentAsync(place.Key.Content, cancellation).ConfigureAwait(false);
        return answer.Value is { } content ? content : Errnos.Of(answer.Error!);
    }

    /// <summary>The entry of a node in a numbered manifest, unless its size is not known.</summary>
    public bool TryMake(KeptRegistry registry, ManifestTree content, int index, out FuseEntry entry)
    {
        entry = default;
        var id = content.IsDirectory(index) ? NodeId.Of(content.Ordinal, index) : passthrough.IdForNextOpen(files, content.Ordinal, index, content.KeyOf(registry.Name, index));
        if (!TryGetAttributes(content, id, out var attributes))
            return false;
        entry = new FuseEntry(id.Value, attributes, options.ImmutableTtl, options.ImmutableTtl);
        return true;
    }

    /// <summary>The entry of what a registry lists.</summary>
    public FuseEntry Make(NodeId id, ListedEntry listed, TimeSpan ttl) => listed switch
    {
        ListedLink link => new(id.Value, NodeAttributes.Link(id, link.Target.Length, link.Time), ttl, ttl),
        ListedVersion => new(id.Value, NodeAttributes.Directory(id, listed.Time), options.ImmutableTtl, options.ImmutableTtl),
        _ => new(id.Value, NodeAttributes.Directory(id, listed.Time), ttl, ttl),
    };

    public async ValueTask<FuseEntry> MakeAsync(string registry)
    {
        var id = await places.IdOfAsync(new NodeKey(NodeKind.Registry, registry)).ConfigureAwait(false);
        return new(id.Value, NodeAttributes.Directory(id, NodeAttributes.NoTime), options.ImmutableTtl, options.ImmutableTtl);
    }

    /// <summary>What the node id of an entry in a directory is made of.</summary>
    public static NodeKey KeyOf(Place directory, ListedEntry listed) => listed switch
    {
        ListedModel model => new(NodeKind.Model, directory.Key.Registry, model.Model.Name),
        ListedLink link => new(NodeKind.Link, directory.Key.Registry, directory.Key.Model, link.Alias),
        ListedVersion version => new(NodeKind.Version, directory.Key.Registry, directory.Key.Model, version.Key, version.Version.Created.ToUniversalTime()),
        _ => throw new InvalidOperationException($"{listed.GetType()} has no place in the tree"),
    };

    public ObjectHandle OpenObject(Place file) =>
        file.Tree is not null ? treeEntries.OpenObject(file) : tree.Open(file.Registry!, file.Content!.Manifest.Version, file.Content.File(file.Id.Index));

    private static bool TryGetAttributes(ManifestTree content, NodeId id, out FuseAttributes attributes)
    {
        attributes = default;
        if (content.Size(id.Index) is not { } size)
            return false;
        var created = content.Manifest.Version.Created;
        attributes = content.IsDirectory(id.Index) ? NodeAttributes.Directory(id, created) : NodeAttributes.File(id, size, created);
        return true;
    }

    private async ValueTask<FuseResult<FuseEntry>> LookupRegistryAsync(byte[] name)
    {
        foreach (var registry in tree.Names)
        {
            if (System.Text.Encoding.UTF8.GetBytes(registry).AsSpan().SequenceEqual(name))
                return await MakeAsync(registry).ConfigureAwait(false);
        }

        return FuseEntry.Absent(options.AliasTtl);
    }

    private async ValueTask<FuseEntry> MakeAsync(KeptRegistry registry, Model model, TimeSpan ttl)
    {
        var id = await places.IdOfAsync(new NodeKey(NodeKind.Model, registry.Name, model.Name)).ConfigureAwait(false);
        return new(id.Value, NodeAttributes.Directory(id, model.Updated), ttl, ttl);
    }

    private async ValueTask<FuseResult<FuseEntry>> LookupFileAsync(Place parent, byte[] name, CancellationToken cancellation)
    {
        var found = await GetContentAsync(parent, cancellation).ConfigureAwait(false);
        if (!found.IsOk)
            return found.Error;
        var content = found.Value;
        await places.NumberAsync(parent.Registry!, content).ConfigureAwait(false);
        if (!content.IsDirectory(parent.Id.Index))
            return Errno.ENOTDIR;
        if (TryLookup(parent with { Content = content }, name, out var entry))
            return entry;

        // The name is there; its size is not known yet.
        var index = content.Find(parent.Id.Index, name);
        var id = NodeId.Of(content.Ordinal, index);
        var key = parent.Key with { Kind = NodeKind.Content, Fingerprint = content.Fingerprint };
        var size = await LearnSizeAsync(new Place(id, key, parent.Registry, content), cancellation).ConfigureAwait(false);
        if (!size.IsOk)
            return size.Error;
        return new FuseEntry(id.Value, NodeAttributes.File(id, size.Value, key.Created), options.ImmutableTtl, options.ImmutableTtl);
    }

    private async ValueTask<FuseResult<long>> LearnSizeAsync(Place file, CancellationToken cancellation)
    {
        var open = files.Use(file.Id.Value, () => OpenObject(file));
        try
        {
            var size = await open.Handle.GetSizeAsync(cancellation).ConfigureAwait(false);
            if (!size.IsOk)
                return Errnos.Of(size);
            file.Content!.LearnSize(file.Id.Index, size.Value);
            return size.Value;
        }
        finally
        {
            files.EndUse(open);
        }
    }

    private static FuseResult<FuseEntry> Absent(RegistryError error, TimeSpan ttl) =>
        error.Kind == RegistryErrorKind.NotFound ? FuseEntry.Absent(ttl) : Errnos.Of(error);
}
