using System.Text;
using Microsoft.Extensions.Logging;
using ModelFs.Fuse;
using ModelFs.Vfs.Files;
using ModelFs.Vfs.Listings;
using ModelFs.Vfs.Nodes;
using ModelFs.Vfs.Trees;

namespace ModelFs.Vfs;

/// <summary>The tree as the kernel sees it: node ids, attributes, listings with offsets, open files.</summary>
/// <remarks>
/// What is in memory is answered at once, on the thread that asks; the rest waits elsewhere. There is no state a node: forgetting
/// one costs nothing, and an id or an offset from an earlier run is understood. Dispose it after the mount has ended, before the tree.
/// </remarks>
public sealed class ModelFileSystem : FuseFileSystem, IDisposable
{
    /// <summary>
    /// Trying to read at once takes a buffer of up to 1 MiB, which a read that has to wait then keeps. Beyond this many that wait,
    /// a read is not tried first: a thousand cold readers hold 32 MiB and not a gigabyte.
    /// </summary>
    private const int MostWaitingWithBuffer = 32;

    private readonly ModelTree tree;
    private readonly NodeTable nodes;
    private readonly Places places;
    private readonly Entries entries;
    private readonly DirectoryReader directories;
    private readonly OpenFiles files;
    private readonly Passthrough passthrough;
    private readonly ExtendedAttributes extendedAttributes;
    private int waitingReads;

    public ModelFileSystem(ModelTree tree, ILoggerFactory logs)
    {
        this.tree = tree;
        nodes = new NodeTable(tree.Cache.Ordinals);
        places = new Places(tree.Registries, tree.Trees, nodes, logs.CreateLogger<ModelFileSystem>());
        tree.Passthrough = passthrough = new Passthrough(tree.Cache, tree.Opens, tree.Time, logs.CreateLogger<ModelFileSystem>());
        files = new OpenFiles(tree.Time, passthrough.End);
        tree.Cache.RoomNeeded = CloseLingering;
        var treeEntries = new TreeEntries(tree, places, files, passthrough);
        entries = new Entries(tree, places, files, passthrough, treeEntries);
        directories = new DirectoryReader(tree, nodes, places, entries, new TreeDirectoryReader(places, treeEntries));
        extendedAttributes = new ExtendedAttributes(tree.Cache, passthrough);
    }

    /// <summary>Why the kernel does not read complete files itself, or null.</summary>
    public string? PassthroughObstacle => passthrough.Obstacle;

    /// <summary>Lets go of files that stay for a next open.</summary>
    internal void CloseLingering() => files.CloseLingering();

    public override void Started(FuseSession session) => passthrough.Begin(session);

    public override ValueTask<FuseResult<FuseEntry>> LookupAsync(FuseRequest request, ulong parent, ReadOnlySpan<byte> name) =>
        places.TryFind(parent, out var place) && entries.TryLookup(place, name, out var entry)
            ? new(entry)
            : LookupSlowlyAsync(request, parent, name.ToArray());

    public override ValueTask<FuseResult<FuseAttributesReply>> GetAttributesAsync(FuseRequest request, ulong node) =>
        places.TryFind(node, out var place) && entries.TryGetAttributes(place, out var reply) ? new(reply) : GetAttributesSlowlyAsync(request, node);

    public override async ValueTask<FuseResult<ReadOnlyMemory<byte>>> ReadLinkAsync(FuseRequest request, ulong node)
    {
        var found = await places.FindAsync(node, request.Cancelled).ConfigureAwait(false);
        if (!found.IsOk)
            return found.Error;
        if (found.Value.Key.Kind != NodeKind.Link)
            return Errno.EINVAL;
        var answer = await found.Value.Registry!.GetLinkAsync(found.Value.Key.Model, found.Value.Key.Name, request.Cancelled).ConfigureAwait(false);
        return answer.Value is ListedLink link ? new ReadOnlyMemory<byte>(link.Target) : Errnos.Of(answer.Error!);
    }

    public override ValueTask<FuseResult<FuseOpen>> OpenAsync(FuseRequest request, ulong node)
    {
        return places.TryFind(node, out var place) ? OpenAsync(place) : OpenSlowlyAsync();

        async ValueTask<FuseResult<FuseOpen>> OpenSlowlyAsync()
        {
            var found = await places.FindAsync(node, request.Cancelled).ConfigureAwait(false);
            return found.IsOk ? await OpenAsync(found.Value).ConfigureAwait(false) : found.Error;
        }
    }

    public override ValueTask<FuseResult<int>> ReadAsync(FuseRequest request, ulong node, ulong handle, long offset, Memory<byte> destination)
    {
        if (!files.TryUse(node, out var file))
            return ReadUnopenedAsync(request, node, offset, destination);
        if (Volatile.Read(ref waitingReads) >= MostWaitingWithBuffer || !file.Handle.TryRead(offset, destination.Span, out var count))
            return ReadSlowlyAsync(request, file, offset, destination);
        files.EndUse(file);
        return new(count);
    }

    public override void Release(ulong node, ulong handle) => files.Release(node);

    public override async ValueTask<FuseResult<FuseOpen>> OpenDirectoryAsync(FuseRequest request, ulong node)
    {
        var found = await places.FindAsync(node, request.Cancelled).ConfigureAwait(false);
        if (!found.IsOk)
            return found.Error;
        if (!found.Value.IsInVersion)
            return new FuseOpen(0, FuseOpenFlags.None);
        var content = await entries.GetContentAsync(found.Value, request.Cancelled).ConfigureAwait(false);
        if (!content.IsOk)
            return content.Error;
        return new FuseOpen(0, Entries.IsFinal(content.Value) ? FuseOpenFlags.CacheDirectory | FuseOpenFlags.KeepCache : FuseOpenFlags.None);
    }

    public override ValueTask<FuseResult<Unit>> ReadDirectoryAsync(FuseRequest request, ulong node, ulong handle, long offset, FuseDirectoryWriter writer) =>
        places.TryFind(node, out var place)
            ? directories.ReadAsync(place, DirectoryOffset.Of(offset), writer, request.Cancelled)
            : ReadDirectorySlowlyAsync(request, node, offset, writer);

    public override ValueTask<FuseResult<FuseStatistics>> GetStatisticsAsync(FuseRequest request, ulong node)
    {
        const uint blockSize = 4096;
        var status = tree.Cache.Status;
        var free = (ulong)Math.Max(0, status.MaxBytes - status.UsedBytes) / blockSize;
        return new(new FuseStatistics((ulong)status.MaxBytes / blockSize, free, free, (ulong)status.Objects, 0, blockSize));
    }

    public override async ValueTask<FuseResult<ReadOnlyMemory<byte>>> ListExtendedAttributesAsync(FuseRequest request, ulong node)
    {
        var found = await places.FindAsync(node, request.Cancelled).ConfigureAwait(false);
        return found.IsOk ? ExtendedAttributes.List(found.Value) : found.Error;
    }

    public override ValueTask<FuseResult<ReadOnlyMemory<byte>>> GetExtendedAttributeAsync(FuseRequest request, ulong node, ReadOnlySpan<byte> name)
    {
        // `ls -l` asks for two of them a name: no reason to find out what it is.
        if (!ExtendedAttributes.HasNamespace(name))
            return new(Errno.EOPNOTSUPP);
        return GetAsync(Encoding.UTF8.GetString(name));

        async ValueTask<FuseResult<ReadOnlyMemory<byte>>> GetAsync(string attribute)
        {
            var found = await places.FindAsync(node, request.Cancelled).ConfigureAwait(false);
            return found.IsOk ? await extendedAttributes.GetAsync(found.Value, attribute).ConfigureAwait(false) : found.Error;
        }
    }

    public override async ValueTask<FuseResult<long>> SeekAsync(FuseRequest request, ulong node, ulong handle, long offset, int whence)
    {
        const int seekData = 3;
        const int seekHole = 4;
        if (whence is not (seekData or seekHole))
            return Errno.EINVAL;
        var attributes = await GetAttributesAsync(request, node).ConfigureAwait(false);
        if (!attributes.IsOk)
            return attributes.Error;
        var size = attributes.Value.Attributes.Size;
        if (offset < 0 || offset >= size)
            return Errno.ENXIO;
        return whence == seekData ? offset : size;
    }

    public void Dispose()
    {
        tree.Cache.RoomNeeded = null;
        tree.Passthrough = null;
        files.Dispose();
        nodes.Dispose();
    }

    private ValueTask<FuseResult<FuseOpen>> OpenAsync(Place place)
    {
        if (!place.IsFile)
            return new(Errno.EISDIR);
        // The kernel then looks the name up again, and opens what it is now.
        if (place.Tree?.IsSuperseded(TreeKeys.FileOf(place.Key)) == true)
            return new(Errno.ESTALE);
        return passthrough.OpenAsync(files, files.Use(place.Id.Value, () => entries.OpenObject(place)));
    }

    private async ValueTask<FuseResult<FuseEntry>> LookupSlowlyAsync(FuseRequest request, ulong parent, byte[] name)
    {
        var found = await places.FindAsync(parent, request.Cancelled).ConfigureAwait(false);
        return found.IsOk ? await entries.LookupAsync(found.Value, name, request.Cancelled).ConfigureAwait(false) : found.Error;
    }

    private async ValueTask<FuseResult<FuseAttributesReply>> GetAttributesSlowlyAsync(FuseRequest request, ulong node)
    {
        var found = await places.FindAsync(node, request.Cancelled).ConfigureAwait(false);
        return found.IsOk ? await entries.GetAttributesAsync(found.Value, request.Cancelled).ConfigureAwait(false) : found.Error;
    }

    private async ValueTask<FuseResult<Unit>> ReadDirectorySlowlyAsync(FuseRequest request, ulong node, long offset, FuseDirectoryWriter writer)
    {
        var found = await places.FindAsync(node, request.Cancelled).ConfigureAwait(false);
        return found.IsOk ? await directories.ReadAsync(found.Value, DirectoryOffset.Of(offset), writer, request.Cancelled).ConfigureAwait(false) : found.Error;
    }

    private async ValueTask<FuseResult<int>> ReadUnopenedAsync(FuseRequest request, ulong node, long offset, Memory<byte> destination)
    {
        var found = await places.FindAsync(node, request.Cancelled).ConfigureAwait(false);
        if (!found.IsOk)
            return found.Error;
        if (!found.Value.IsFile)
            return Errno.EISDIR;
        return await ReadSlowlyAsync(request, files.Use(node, () => entries.OpenObject(found.Value)), offset, destination).ConfigureAwait(false);
    }

    private async ValueTask<FuseResult<int>> ReadSlowlyAsync(FuseRequest request, OpenFiles.OpenFile file, long offset, Memory<byte> destination)
    {
        Interlocked.Increment(ref waitingReads);
        try
        {
            var read = await file.Handle.ReadAsync(offset, destination, request.Cancelled).ConfigureAwait(false);
            return read.IsOk ? (int)read.Value : Errnos.Of(read);
        }
        finally
        {
            Interlocked.Decrement(ref waitingReads);
            files.EndUse(file);
        }
    }
}
