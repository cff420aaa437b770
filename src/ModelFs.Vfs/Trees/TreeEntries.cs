using ModelFs.Cache;
using ModelFs.Fuse;
using ModelFs.Registries;
using ModelFs.Vfs.Content;
using ModelFs.Vfs.Files;
using ModelFs.Vfs.Freshness;
using ModelFs.Vfs.Nodes;

namespace ModelFs.Vfs.Trees;

/// <summary>Names in trees of files to nodes. A node never changes; the name that led to it is believed for a while only.</summary>
internal sealed class TreeEntries(ModelTree tree, Places places, OpenFiles files, Passthrough passthrough)
{
    public async ValueTask<FuseResult<FuseEntry>> LookupAsync(Place parent, byte[] name, CancellationToken cancellation)
    {
        if (parent.IsFile)
            return Errno.ENOTDIR;
        var answer = await parent.Tree!.FindChildAsync(TreeKeys.PathOf(parent.Key), name, cancellation).ConfigureAwait(false);
        if (answer.Value is not { } entry)
            return answer.Error!.Kind == RegistryErrorKind.NotFound ? FuseEntry.Absent(answer.Ttl) : Errnos.Of(answer.Error);
        if (entry.Ordinal == 0)
            entry.Number((await places.IdOfAsync(TreeKeys.Of(parent.Tree.Name, entry.Found)).ConfigureAwait(false)).Ordinal, KeyOf(parent.Tree, entry));
        if (TryMake(answer, out var made))
            return made;

        var id = NodeId.Of(entry.Ordinal);
        var size = await LearnSizeAsync(new Place(id, TreeKeys.Of(parent.Tree.Name, entry.Found), null, null) { Tree = parent.Tree }, cancellation).ConfigureAwait(false);
        return size.IsOk ? MakeFile(entry, size.Value, answer.Ttl) : size.Error;
    }

    /// <summary>The entry of a name that has a number, unless its size is not known.</summary>
    public bool TryMake(Answer<KeptEntry> answer, out FuseEntry made)
    {
        made = default;
        if (answer.Value is not { Ordinal: not 0 } entry)
            return false;
        var id = NodeId.Of(entry.Ordinal);
        if (entry.File is null)
            made = Make(id, NodeAttributes.Directory(id, NodeAttributes.NoTime), answer.Ttl);
        else if (entry.File.Size is { } size)
            made = MakeFile(entry, size, answer.Ttl);
        return made.NodeId != 0;
    }

    public async ValueTask<FuseResult<FuseAttributesReply>> GetAttributesAsync(Place place, CancellationToken cancellation)
    {
        if (!place.IsFile)
            return new FuseAttributesReply(NodeAttributes.Directory(place.Id, NodeAttributes.NoTime), tree.Options.ImmutableTtl);
        var file = TreeKeys.FileOf(place.Key);
        var size = file.Size is { } known ? known : await LearnSizeAsync(place, cancellation).ConfigureAwait(false);
        return size.IsOk ? new FuseAttributesReply(NodeAttributes.File(place.Id, size.Value, TimeOf(file)), tree.Options.ImmutableTtl) : size.Error;
    }

    public ObjectHandle OpenObject(Place file) => tree.Open(file.Tree!, TreeKeys.FileOf(file.Key));

    private static ObjectKey KeyOf(KeptTree tree, KeptEntry entry) =>
        entry.File is { } file ? ObjectIdentity.Describe(tree.Name, tree.Tree.Description, file).Key : default;

    private FuseEntry MakeFile(KeptEntry entry, long size, TimeSpan ttl)
    {
        var id = passthrough.IdForNextOpen(files, entry.Ordinal, 0, entry.Key);
        return Make(id, NodeAttributes.File(id, size, TimeOf(entry.File!)), ttl);
    }

    private FuseEntry Make(NodeId id, FuseAttributes attributes, TimeSpan ttl) => new(id.Value, attributes, ttl, tree.Options.ImmutableTtl);

    private async ValueTask<FuseResult<long>> LearnSizeAsync(Place file, CancellationToken cancellation)
    {
        var open = files.Use(file.Id.Value, () => OpenObject(file));
        try
        {
            var size = await open.Handle.GetSizeAsync(cancellation).ConfigureAwait(false);
            return size.IsOk ? size.Value : Errnos.Of(size);
        }
        finally
        {
            files.EndUse(open);
        }
    }

    private static DateTimeOffset TimeOf(TreeFile file) => file.Modified ?? NodeAttributes.NoTime;
}
