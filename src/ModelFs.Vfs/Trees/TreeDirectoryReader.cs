using ModelFs.Fuse;
using ModelFs.Registries;
using ModelFs.Vfs.Freshness;
using ModelFs.Vfs.Listings;
using ModelFs.Vfs.Nodes;
using Unit = ModelFs.Fuse.Unit;

namespace ModelFs.Vfs.Trees;

/// <summary>Reads directories of a tree from any offset, whoever gave it.</summary>
internal sealed class TreeDirectoryReader(Places places, TreeEntries entries)
{
    /// <summary><c>.</c> and <c>..</c></summary>
    private const int Dots = 2;

    /// <summary>What libfuse shows for an inode that nobody has asked for yet.</summary>
    private const ulong UnknownInode = 0xFFFFFFFF;

    public async ValueTask<FuseResult<Unit>> ReadAsync(Place directory, DirectoryOffset start, FuseDirectoryWriter writer, CancellationToken cancellation)
    {
        if (directory.IsFile)
            return Errno.ENOTDIR;
        var path = TreeKeys.PathOf(directory.Key);
        var found = await FindAsync(directory.Tree!, path, start, cancellation).ConfigureAwait(false);
        if (found.Value is not { } listing)
            return Errnos.Of(found.Error!);
        start = start with { Generation = listing.Generation };
        if (start.Index < Dots)
        {
            var parent = await ParentOfAsync(directory.Tree!, path).ConfigureAwait(false);
            if (start.Index == 0)
                writer.TryAdd("."u8, directory.Id.Inode, FuseFileType.Directory, (start with { Index = 1 }).Value);
            writer.TryAdd(".."u8, parent.Inode, FuseFileType.Directory, (start with { Index = Dots }).Value);
            start = start with { Index = Dots };
        }

        for (var i = (int)start.Index - Dots; listing.TryGet(i, out var listed); i++)
        {
            var child = (ListedChild)listed;
            var next = new DirectoryOffset(listing.Generation, (uint)(i + Dots + 1)).Value;
            var isAdded = directory.Tree!.TryGetFresh(TreePaths.Join(path, child.Key), out var answer) && entries.TryMake(answer, out var entry)
                ? writer.TryAdd(child.Name, entry, next)
                : writer.TryAdd(child.Name, UnknownInode, child.IsDirectory ? FuseFileType.Directory : FuseFileType.Regular, next);
            if (!isAdded)
                break;
        }

        return default(Unit);
    }

    /// <summary>The listing that an offset belongs to, while it is kept; else the present one.</summary>
    private static ValueTask<Answer<Listing>> FindAsync(KeptTree tree, string path, DirectoryOffset start, CancellationToken cancellation)
    {
        for (var listing = start.Generation == 0 ? null : tree.PeekNames(path); listing is not null; listing = listing.Previous)
        {
            if (listing.Generation == start.Generation)
                return new(new Answer<Listing>(listing, null, TimeSpan.Zero));
        }

        return tree.ListAsync(path, cancellation);
    }

    private ValueTask<NodeId> ParentOfAsync(KeptTree tree, string path) =>
        path.Length == 0 ? new(NodeId.Root) : places.IdOfAsync(TreeKeys.OfDirectory(tree.Name, path[..Math.Max(0, path.LastIndexOf('/'))]));
}
