using System.Security.Cryptography;
using ModelFs.Cache.Disk;
using ModelFs.Cache.Index;
using ModelFs.Cache.Space;

namespace ModelFs.Cache.Objects;

/// <summary>Finds out what is held of an object when it is first opened: from the index, or from the sidecar where the index does not know.</summary>
internal static class ObjectLoader
{
    public static async Task LoadAsync(CachedObject target, Task eviction)
    {
        if (target.Resources.Quarantine.ContainsKey(target.Key))
            target.Quarantine();
        if (target.Descriptor.Size == 0)
        {
            AdoptEmpty(target);
            return;
        }

        try
        {
            await eviction.ConfigureAwait(false);
            var indexing = target.Resources.Index.LoadAsync(target.Key);
            await ((Task)indexing).WaitAsync(target.Resources.Index.Patience).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            // What is complete can do without the index, which waits for a disk that takes no writes.
            if (!indexing.IsCompleted && await target.Resources.Readers.RunAsync(() => TryLoad(target)).ConfigureAwait(false))
                return;
            var indexed = await indexing.ConfigureAwait(false);
            await target.Resources.Readers.RunAsync(() => Load(target, indexed)).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            // Nothing is known of it then: its blocks are fetched, and whatever lies on the disk is overwritten, but for the end of the process: nothing is written any more.
            if (!target.Resources.Closing.IsCancellationRequested)
                Log.CannotOpen(target.Resources.Log, target.Name, e.Message);
            target.Adopt(target.Descriptor.Size ?? -1, Generation.New(), [], [], @sealed: false);
        }
    }

    /// <summary>The state of an object that is not loaded. After a kill the index may still know what was evicted, and a sidecar may be younger than it.</summary>
    public static ObjectState Describe(CacheResources resources, ObjectKey key, IndexedObject? indexed)
    {
        string path = resources.Paths.Of(key);
        var known = indexed is not null && Generation.Agrees(path, indexed.Record.Generation) ? Describe(indexed) : default;
        if (known.Sealed || !File.Exists(path) || Sidecar.Read(path, key) is not { } sidecar)
            return known;
        return new ObjectState(sidecar.Size, sidecar.Size, true, sidecar.Digest.IsEmpty ? null : true, false);
    }

    private static ObjectState Describe(IndexedObject indexed)
    {
        var map = new BlockMap();
        map.SetSize(indexed.Record.Size);
        for (int i = 0; i < indexed.Present.Length; i++)
        {
            if (indexed.Present[i])
                map.Set(i, BlockState.Present, indexed.Checksums[i]);
        }

        bool isSealed = map.IsComplete && indexed.Record.Flags.HasFlag(ObjectFlags.Sealed);
        return new ObjectState(map.Size, map.CachedBytes, isSealed, isSealed && indexed.Record.Flags.HasFlag(ObjectFlags.DigestMatched) ? true : null, false);
    }

    /// <summary>By its sidecar alone. False when there is none.</summary>
    private static bool TryLoad(CachedObject target)
    {
        if (!File.Exists(Sidecar.PathOf(target.Resources.Paths.Of(target.Key))))
            return false;
        Load(target, null);
        return true;
    }

    private static void Load(CachedObject target, IndexedObject? indexed)
    {
        var (resources, descriptor) = (target.Resources, target.Descriptor);
        string path = resources.Paths.Of(target.Key);
        bool isIndexed = indexed is not null;
        if (indexed is not null && ((descriptor.Size is { } size && size != indexed.Record.Size) || !Generation.Agrees(path, indexed.Record.Generation)))
            indexed = null;
        var sidecar = Sidecar.Read(path, target.Key);
        if (sidecar is not null && ((descriptor.Size is { } wanted && wanted != sidecar.Size) || !Agrees(descriptor.Sha256.Span, sidecar.Digest.Span)))
            sidecar = null;

        if ((sidecar is null && indexed is null) || target.Disk.Open(create: false) is null)
        {
            // Bytes that nobody vouches for are not kept beside those to come.
            target.Disk.Dispose();
            resources.Space.Remove(target.Key);
            if (isIndexed)
                _ = resources.Index.RemoveAsync(target.Key);
            target.Adopt(descriptor.Size ?? -1, Generation.New(), [], [], @sealed: false);
            return;
        }

        target.Disk.DistrustIfTouched();
        bool isVouched = sidecar?.Vouches(target.Disk.File!.Stamp(), resources.Epoch.Value) == true;
        if (sidecar is null || (indexed is not null && indexed.Record.Flags.HasFlag(ObjectFlags.Sealed) && !indexed.Present.Contains(false)))
        {
            bool isSealed = indexed!.Record.Flags.HasFlag(ObjectFlags.Sealed)
                && !indexed.Present.Contains(false)
                && (descriptor.Sha256.IsEmpty || indexed.Record.Flags.HasFlag(ObjectFlags.DigestMatched));
            target.Adopt(indexed.Record.Size, indexed.Record.Generation, indexed.Present, indexed.Checksums, isSealed, indexed.Record.LastUse * 60_000L, isVouched);
        }
        else
        {
            bool[] all = new bool[sidecar.Checksums.Length];
            Array.Fill(all, true);
            bool isSealed = descriptor.Sha256.IsEmpty || !sidecar.Digest.IsEmpty;
            target.Adopt(sidecar.Size, indexed?.Record.Generation ?? Generation.Read(path) ?? Generation.New(), all, sidecar.Checksums, isSealed, vouched: isVouched);
            _ = resources.Index.PutAsync(target.Key, target.Record(), [.. sidecar.Checksums.Select((checksum, i) => (i, checksum))]);
        }

        target.Disk.GiveBackMissing();
        var file = target.Disk.File!.Stamp();
        resources.Catalog.Set(
            target.Key, new Catalog.Entry(file.Allocated + Linux.AllocatedBytes(Sidecar.PathOf(path)), target.LastUse, target.Generation, target.IsSealed, target.Account));
    }

    /// <summary>Nothing to fetch and nothing to store; only the digest can be wrong.</summary>
    private static void AdoptEmpty(CachedObject target)
    {
        bool right = Agrees(target.Descriptor.Sha256.Span, SHA256.HashData([]));
        if (!right)
            target.Quarantine();
        target.Adopt(0, Generation.New(), [], [], @sealed: right);
    }

    private static bool Agrees(ReadOnlySpan<byte> a, ReadOnlySpan<byte> b) => a.IsEmpty || b.IsEmpty || a.SequenceEqual(b);
}
