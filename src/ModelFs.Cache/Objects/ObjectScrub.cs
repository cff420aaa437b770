using System.Security.Cryptography;
using Microsoft.Win32.SafeHandles;
using ModelFs.Cache.Disk;
using ModelFs.Cache.Index;

namespace ModelFs.Cache.Objects;

/// <summary>Reads one object after the other from the disk again: what is wrong is dropped, and what is complete and right is trusted.</summary>
/// <remarks>
/// It reads through descriptors of its own, for a MiB each, and keeps nobody from reading and nothing from being evicted. Only at the end does
/// it take the object out of use for a moment, or ask the one that is loaded to look for itself: what was written meanwhile is not taken
/// for damage.
/// </remarks>
/// <param name="reading">Called before so many blocks are read, with no file open: it may take its time.</param>
internal sealed class ObjectScrub(BlockCache cache, Action<int> reading, CancellationToken cancellation)
{
    /// <summary>Blocks that are read with one descriptor.</summary>
    public const int Step = 4;

    private const int BlockSize = CacheOptions.BlockSize;

    private readonly CacheResources resources = cache.Resources;
    private readonly byte[] buffer = new byte[BlockSize];

    /// <returns>Blocks that were wrong, and what was, in words; null when all was right.</returns>
    public (int Damaged, string? Fault) Verify(ObjectKey key, bool withDigest)
    {
        try
        {
            return VerifyOpened(key, withDigest);
        }
        catch (IOException e)
        {
            // Too many files are open, say: nothing is known of the object, so nothing is done with it.
            return (0, $"it could not be looked at: {e.Message}");
        }
    }

    private (int Damaged, string? Fault) VerifyOpened(ObjectKey key, bool withDigest)
    {
        var (expected, digest) = Expected(key);
        if (expected is null)
            return (0, null);
        var wrong = Compare(key, expected, withDigest ? digest : default, out bool matches, out var untouched);
        if (wrong.Count == 0 && matches)
        {
            if (untouched is { } stamp && resources.PassthroughObstacle is null && resources.Catalog.IsSealed(key))
                Settle(key, loaded => Vouch(loaded, stamp), () => VouchStored(key, stamp));
            return (0, null);
        }

        int damaged = Repair(key, wrong, matches);
        return damaged > 0 ? (damaged, damaged == 1 ? "1 block was damaged" : $"{damaged} blocks were damaged")
            : !matches && wrong.Count == 0 ? (0, "the whole does not match its digest")
            : (0, null);
    }

    /// <summary>What the disk should hold: as the loaded object knows it, else as index and sidecar do.</summary>
    private (IndexedObject? Expected, ReadOnlyMemory<byte> Digest) Expected(ObjectKey key)
    {
        // Of one whose disk has not said yet what it has nothing is known, and nothing is vouched for.
        return IfLoaded(key, loaded => (loaded.IsLoaded ? loaded.Snapshot() : null, loaded.IsSealed ? loaded.Descriptor.Sha256 : default), out var known) ? known : Stored(key);
    }

    /// <summary>Asks an object that is loaded, which stays so meanwhile. False when it is not.</summary>
    private bool IfLoaded<T>(ObjectKey key, Func<CachedObject, T> ask, out T? answer)
    {
        answer = default;
        if (cache.TryHold(key) is not { } loaded)
            return false;
        try
        {
            loaded.Ready.Wait(cancellation);
            answer = ask(loaded);
            return true;
        }
        finally
        {
            cache.Close(loaded);
        }
    }

    private (IndexedObject? Expected, ReadOnlyMemory<byte> Digest) Stored(ObjectKey key)
    {
        var sidecar = Sidecar.Read(resources.Paths.Of(key), key);
        var indexed = resources.Index.LoadAsync(key).GetAwaiter().GetResult();
        if (sidecar is null)
            return (indexed, default);
        bool[] all = new bool[sidecar.Checksums.Length];
        Array.Fill(all, true);
        long lastUse = resources.Catalog.Find(key)?.LastUse ?? resources.Now;
        var record = indexed?.Record ?? new ObjectRecord(sidecar.Size, Generation.Read(resources.Paths.Of(key)) ?? 1, (uint)(lastUse / 60_000), ObjectFlags.None);
        return (new IndexedObject(record with { Size = sidecar.Size }, all, sidecar.Checksums), sidecar.Digest);
    }

    /// <param name="untouched">What the file was like from the first block to the last; null when that changed.</param>
    private List<int> Compare(ObjectKey key, IndexedObject expected, ReadOnlyMemory<byte> digest, out bool matches, out FileStamp? untouched)
    {
        var wrong = new List<int>();
        using var hash = digest.IsEmpty ? null : IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        (matches, untouched) = (true, null);
        for (int first = 0; first < expected.Present.Length; first += Step)
        {
            int end = Math.Min(first + Step, expected.Present.Length);
            if (expected.Present.AsSpan(first..end).Count(true) is var blocks and > 0)
                reading(blocks);
            cancellation.ThrowIfCancellationRequested();
            using var file = Open(key);
            var now = file is null ? (FileStamp?)null : Linux.Stamp((int)file.DangerousGetHandle());
            if (now is null && !resources.Catalog.Contains(key))
            {
                untouched = null;
                return []; // It was evicted.
            }

            untouched = first == 0 || (now is { } stamp && untouched?.SameContent(stamp) == true) ? now : null;
            for (int block = first; block < end; block++)
            {
                if (!expected.Present[block])
                    continue;
                if (!IsRight(file, expected, block))
                    wrong.Add(block);
                hash?.AppendData(buffer, 0, LengthOf(expected, block));
            }
        }

        matches = hash is null || wrong.Count > 0 || hash.GetHashAndReset().AsSpan().SequenceEqual(digest.Span);
        return wrong;
    }

    /// <summary>Looks again where nobody can write meanwhile, and drops what is still wrong.</summary>
    /// <returns>Blocks that were.</returns>
    private int Repair(ObjectKey key, List<int> wrong, bool matches) =>
        Settle(key, loaded => RepairLoaded(loaded, wrong, matches), () => RepairStored(key, wrong, matches));

    /// <summary>Does one thing with an object that is loaded, another with one that is not, and cannot be meanwhile; neither when it is gone.</summary>
    private T? Settle<T>(ObjectKey key, Func<CachedObject, T> ifLoaded, Func<T> ifStored)
    {
        while (!cancellation.IsCancellationRequested)
        {
            if (IfLoaded(key, ifLoaded, out var answer))
                return answer;
            if (cache.TryReserve(key, static _ => false))
            {
                try
                {
                    return ifStored();
                }
                finally
                {
                    cache.EndReservation(key);
                }
            }

            if (!resources.Catalog.Contains(key))
                break;
            // It is just being opened or evicted.
            Thread.Sleep(1);
        }

        return default;
    }

    private static bool Vouch(CachedObject loaded, FileStamp compared)
    {
        if (!loaded.Disk.Trust(compared))
            return false;
        // With no block left to read, its verification vouches for it at once.
        loaded.OpenForKernel()?.Dispose();
        return true;
    }

    private bool VouchStored(ObjectKey key, FileStamp compared)
    {
        string path = resources.Paths.Of(key);
        if (Linux.Stamp(path) is not { } now || !now.SameContent(compared) || Sidecar.Read(path, key) is not { } sidecar || sidecar.Vouches(now, resources.Epoch.Value))
            return false;
        try
        {
            (sidecar with { File = now, Epoch = resources.Epoch.Value }).Write(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // It is right all the same; its first open looks again.
            Log.SealFailed(resources.Log, key.ToString(), e.Message);
            return false;
        }

        if (resources.Catalog.Find(key) is { } entry)
            resources.Catalog.Set(key, entry with { Bytes = now.Allocated + Linux.AllocatedBytes(Sidecar.PathOf(path)) });
        return true;
    }

    private static int RepairLoaded(CachedObject loaded, List<int> wrong, bool matches)
    {
        int dropped = 0;
        foreach (int block in wrong)
        {
            if (loaded.Disk.IsRight(block))
                continue;
            loaded.Disk.Drop(block);
            dropped++;
        }

        if (!matches)
            loaded.Disprove();
        return dropped;
    }

    private int RepairStored(ObjectKey key, List<int> wrong, bool matches)
    {
        string path = resources.Paths.Of(key);
        var (expected, _) = Stored(key);
        if (expected is null)
            return 0;
        using (var file = Open(key))
            wrong = wrong.FindAll(block => block < expected.Present.Length && expected.Present[block] && !IsRight(file, expected, block));
        if (wrong.Count == 0 && matches)
            return 0;
        if (!matches || wrong.Count == expected.Present.Count(present => present))
        {
            resources.Space.Remove(key);
            _ = resources.Index.RemoveAsync(key);
            return wrong.Count;
        }

        // The right blocks go to the index first: the sidecar may have been all that knew of them.
        var record = expected.Record with { Flags = ObjectFlags.None };
        var right = Enumerable.Range(0, expected.Present.Length).Where(b => expected.Present[b] && !wrong.Contains(b)).Select(b => (b, expected.Checksums[b])).ToList();
        resources.Index.PutAsync(key, record, right).GetAwaiter().GetResult();
        foreach (int block in wrong)
        {
            resources.Metrics.AddDamaged();
            _ = resources.Index.RemoveBlockAsync(key, block);
        }

        DurableFile.TryDelete(Sidecar.PathOf(path), resources.Log);
        if (resources.Catalog.Find(key) is { } entry)
            resources.Catalog.Set(key, entry with { Sealed = false, Generation = record.Generation });
        return wrong.Count;
    }

    private bool IsRight(SafeFileHandle? file, IndexedObject expected, int block)
    {
        var data = buffer.AsSpan(0, LengthOf(expected, block));
        return TryRead(file, data, (long)block * BlockSize) && BlockChecksum.Compute(data) == expected.Checksums[block];
    }

    private static int LengthOf(IndexedObject expected, int block) => (int)Math.Min(BlockSize, expected.Record.Size - (long)block * BlockSize);

    /// <summary>For random access: what the kernel would read ahead, a drop of the next block's pages would have it read twice.</summary>
    /// <returns>Null where there is no such file.</returns>
    /// <exception cref="IOException">It cannot be opened now.</exception>
    private SafeFileHandle? Open(ObjectKey key)
    {
        try
        {
            return File.OpenHandle(
                resources.Paths.Of(key), FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, FileOptions.RandomAccess);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>From the disk, not from memory: a page that was right when it was written says nothing about what lies there now. And none is left there.</summary>
    private static bool TryRead(SafeFileHandle? file, Span<byte> data, long offset)
    {
        if (file is null)
            return false;
        int fd = (int)file.DangerousGetHandle();
        try
        {
            Linux.DropPages(fd, offset, data.Length);
            for (int done = 0; done < data.Length;)
            {
                int n = RandomAccess.Read(file, data[done..], offset + done);
                if (n == 0)
                    return false;
                done += n;
            }

            return true;
        }
        catch (IOException)
        {
            return false;
        }
        finally
        {
            Linux.DropPages(fd, offset, data.Length);
        }
    }
}
