using System.Text;
using ModelFs.Fuse;
using ModelFs.Vfs.Content;
using ModelFs.Vfs.Freshness;
using ModelFs.Vfs.Nodes;
using ModelFs.Vfs.Trees;

namespace ModelFs.Vfs.Listings;

/// <summary>Reads directories from any offset, whoever gave it.</summary>
internal sealed class DirectoryReader(ModelTree tree, NodeTable nodes, Places places, Entries entries, TreeDirectoryReader trees)
{
    /// <summary><c>.</c> and <c>..</c></summary>
    private const int Dots = 2;

    /// <summary>Entries that get their ordinals in one go: about what fits the reply to one READDIR.</summary>
    private const int NumberedAtOnce = 1024;

    public ValueTask<FuseResult<Unit>> ReadAsync(Place directory, DirectoryOffset start, FuseDirectoryWriter writer, CancellationToken cancellation) =>
        directory.Key.Kind switch
        {
            _ when directory.Tree is not null => trees.ReadAsync(directory, start, writer, cancellation),
            default(NodeKind) => ReadRootAsync(directory, start, writer),
            NodeKind.Registry => ReadListingAsync(directory, start, writer, cancellation),
            NodeKind.Model => ReadListingAsync(directory, start, writer, cancellation),
            NodeKind.Link => new(Errno.ENOTDIR),
            _ => directory.Content is { Ordinal: not 0 } content && Entries.IsFinal(content) && start.Index >= Dots
                ? new(ReadContent(directory, content, start, writer))
                : ReadContentAsync(directory, start, writer, cancellation),
        };

    private async ValueTask<FuseResult<Unit>> ReadRootAsync(Place directory, DirectoryOffset start, FuseDirectoryWriter writer)
    {
        start = await AddDotsAsync(directory, start, writer).ConfigureAwait(false);
        for (var i = start.Index - Dots; i < tree.Names.Count; i++)
        {
            var registry = tree.Names[(int)i];
            var entry = await entries.MakeAsync(registry).ConfigureAwait(false);
            if (!writer.TryAdd(Encoding.UTF8.GetBytes(registry), entry, new DirectoryOffset(0, i + Dots + 1).Value))
                break;
        }

        return default(Unit);
    }

    private async ValueTask<FuseResult<Unit>> ReadContentAsync(Place directory, DirectoryOffset start, FuseDirectoryWriter writer, CancellationToken cancellation)
    {
        var content = await entries.GetContentAsync(directory, cancellation).ConfigureAwait(false);
        if (!content.IsOk)
            return content.Error;
        await places.NumberAsync(directory.Registry!, content.Value).ConfigureAwait(false);
        start = await AddDotsAsync(directory, start, writer).ConfigureAwait(false);
        return ReadContent(directory, content.Value, start, writer);
    }

    private FuseResult<Unit> ReadContent(Place directory, ManifestTree content, DirectoryOffset start, FuseDirectoryWriter writer)
    {
        if (!content.IsDirectory(directory.Id.Index))
            return Errno.ENOTDIR;
        var first = content.FirstChild(directory.Id.Index);
        for (var i = start.Index - Dots; i < content.ChildCount(directory.Id.Index); i++)
        {
            var node = first + (int)i;
            var next = new DirectoryOffset(0, i + Dots + 1).Value;
            var isAdded = entries.TryMake(directory.Registry!, content, node, out var entry)
                ? writer.TryAdd(content.Name(node), entry, next)
                : writer.TryAdd(content.Name(node), NodeId.Of(content.Ordinal, node).Inode, FuseFileType.Regular, next);
            if (!isAdded)
                break;
        }

        return default(Unit);
    }

    private async ValueTask<FuseResult<Unit>> ReadListingAsync(Place directory, DirectoryOffset start, FuseDirectoryWriter writer, CancellationToken cancellation)
    {
        var found = await FindListingAsync(directory, start, cancellation).ConfigureAwait(false);
        if (found.Value is not { } listing)
            return Errnos.Of(found.Error!);
        start = start with { Generation = listing.Generation };
        start = await AddDotsAsync(directory, start, writer).ConfigureAwait(false);
        var isEmpty = true;
        for (var i = (int)start.Index - Dots; ; i++)
        {
            if (!listing.TryGet(i, out var listed))
            {
                // What has come is given at once; the one who comes back for more waits for it.
                if (!isEmpty)
                    return default(Unit);
                if (await listing.EnsureAsync(i, cancellation).ConfigureAwait(false) is { } error)
                    return Errnos.Of(error);
                if (!listing.TryGet(i, out listed))
                    return default(Unit);
            }

            if (listed.Ordinal == 0)
                await NumberAsync(directory, listing, i).WaitAsync(cancellation).ConfigureAwait(false);
            var next = new DirectoryOffset(listing.Generation, (uint)(i + Dots + 1));
            if (!writer.TryAdd(listed.Name, entries.Make(NodeId.Of(listed.Ordinal), listed, tree.Options.AliasTtl / 2), next.Value))
                return default(Unit);
            isEmpty = false;
        }
    }

    /// <summary>The listing that an offset belongs to, while it is kept; else the present one.</summary>
    private async ValueTask<Answer<Listing>> FindListingAsync(Place directory, DirectoryOffset start, CancellationToken cancellation)
    {
        var registry = directory.Registry!;
        var isRegistry = directory.Key.Kind == NodeKind.Registry;
        if (start.Generation != 0)
        {
            var kept = isRegistry ? registry.PeekModels() : registry.PeekChildren(directory.Key.Model);
            for (var listing = kept; listing is not null; listing = listing.Previous)
            {
                if (listing.Generation == start.Generation)
                    return new(listing, null, TimeSpan.Zero);
            }
        }

        return isRegistry
            ? await registry.ListModelsAsync(cancellation).ConfigureAwait(false)
            : await registry.ListChildrenAsync(directory.Key.Model, cancellation).ConfigureAwait(false);
    }

    private Task NumberAsync(Place directory, Listing listing, int first) => nodes.RunAsync(number =>
    {
        for (var i = first; i < first + NumberedAtOnce && listing.TryGet(i, out var listed); i++)
        {
            if (listed.Ordinal == 0)
                listed.Ordinal = number(Entries.KeyOf(directory, listed));
        }
    });

    /// <summary>Adds the dots that are still to come.</summary>
    /// <returns>The offset behind them. The reply to a READDIR always has room for two names of one and two bytes.</returns>
    private async ValueTask<DirectoryOffset> AddDotsAsync(Place directory, DirectoryOffset start, FuseDirectoryWriter writer)
    {
        if (start.Index >= Dots)
            return start;
        var parent = await ParentOfAsync(directory).ConfigureAwait(false);
        if (start.Index == 0)
            writer.TryAdd("."u8, directory.Id.Inode, FuseFileType.Directory, (start with { Index = 1 }).Value);
        writer.TryAdd(".."u8, parent.Inode, FuseFileType.Directory, (start with { Index = Dots }).Value);
        return start with { Index = Dots };
    }

    private ValueTask<NodeId> ParentOfAsync(Place directory)
    {
        var key = directory.Key;
        return key.Kind switch
        {
            default(NodeKind) or NodeKind.Registry => new(NodeId.Root),
            NodeKind.Model => places.IdOfAsync(new NodeKey(NodeKind.Registry, key.Registry)),
            NodeKind.Content => places.IdOfAsync(directory.Registry!, directory.Content!, directory.Content!.Parent(directory.Id.Index)),
            _ => places.IdOfAsync(new NodeKey(NodeKind.Model, key.Registry, key.Model)),
        };
    }
}
