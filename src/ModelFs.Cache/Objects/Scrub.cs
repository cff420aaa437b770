using System.Security.Cryptography;
using Microsoft.Win32.SafeHandles;
using ModelFs.Cache.Disk;
using ModelFs.Cache.Index;

namespace ModelFs.Cache.Objects;

/// <summary>Reads objects from the disk again: each block against its checksum, a complete file against its digest too. What is wrong is dropped.</summary>
/// <remarks>
/// It reads through a descriptor of its own and keeps nobody from reading. Only where something is wrong does it take the object
/// out of use, or ask the one that is loaded to look for itself: what was written meanwhile is not taken for damage.
/// </remarks>
internal sealed class Scrub(BlockCache cache, IReadOnlyList<StoredObject> objects, Action<ScrubReport> report, CancellationToken cancellation)
{
    private const int BlockSize = CacheOptions.BlockSize;

    private const long ReportEvery = 64 << 20;

    private readonly CacheResources resources = cache.Resources;
    private readonly byte[] buffer = new byte[BlockSize];
    private readonly long total = objects.Sum(o => o.Bytes);
    private int files;
    private long done;

    public void Run()
    {
        foreach (var item in objects)
        {
            long before = done;
            var (damaged, fault) = Verify(item.Key);
            done = before + item.Bytes;
            files++;
            report(new ScrubReport(files, objects.Count, done, total, item.Path, damaged, fault));
        }
    }

    private (int Damaged, string? Fault) Verify(ObjectKey key)
    {
        var (expected, digest) = Expected(key);
        if (expected is null)
            return (0, null);
        var wrong = Compare(key, expected, digest, out bool matches);
        if (wrong.Count == 0 && matches)
            return (0, null);
        int damaged = Repair(key, wrong, matches);
        return damaged > 0 ? (damaged, damaged == 1 ? "1 block was damaged" : $"{damaged} blocks were damaged")
            : !matches && wrong.Count == 0 ? (0, "the whole does not match its digest")
            : (0, null);
    }

    /// <summary>What the disk should hold: as the loaded object knows it, else as index and sidecar do.</summary>
    private (IndexedObject? Expected, ReadOnlyMemory<byte> Digest) Expected(ObjectKey key)
    {
        if (cache.TryHold(key) is { } loaded)
        {
            try
            {
                loaded.Ready.Wait(cancellation);
                return (loaded.Snapshot(), loaded.IsSealed ? loaded.Descriptor.Sha256 : default);
            }
            finally
            {
                cache.Close(loaded);
            }
        }

        return Stored(key);
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

    private List<int> Compare(ObjectKey key, IndexedObject expected, ReadOnlyMemory<byte> digest, out bool matches)
    {
        var wrong = new List<int>();
        using var file = Open(key);
        using var hash = digest.IsEmpty ? null : IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        long reported = 0;
        for (int block = 0; block < expected.Present.Length; block++)
        {
            cancellation.ThrowIfCancellationRequested();
            if (!expected.Present[block])
                continue;
            var data = buffer.AsSpan(0, (int)Math.Min(BlockSize, expected.Record.Size - (long)block * BlockSize));
            if (!TryRead(file, data, (long)block * BlockSize) || BlockChecksum.Compute(data) != expected.Checksums[block])
                wrong.Add(block);
            hash?.AppendData(data);
            done += data.Length;
            if ((reported += data.Length) < ReportEvery)
                continue;
            reported = 0;
            report(new ScrubReport(files, objects.Count, Math.Min(done, total), total));
        }

        matches = hash is null || wrong.Count > 0 || hash.GetHashAndReset().AsSpan().SequenceEqual(digest.Span);
        return wrong;
    }

    /// <summary>Looks again where nobody can write meanwhile, and drops what is still wrong.</summary>
    /// <returns>Blocks that were.</returns>
    private int Repair(ObjectKey key, List<int> wrong, bool matches)
    {
        while (!cancellation.IsCancellationRequested)
        {
            if (cache.TryHold(key) is { } loaded)
            {
                try
                {
                    loaded.Ready.Wait(cancellation);
                    return RepairLoaded(loaded, wrong, matches);
                }
                finally
                {
                    cache.Close(loaded);
                }
            }

            if (cache.TryReserve(key, static _ => false))
            {
                try
                {
                    return RepairStored(key, wrong, matches);
                }
                finally
                {
                    cache.EndReservation(key);
                }
            }

            if (!resources.Catalog.Contains(key))
                return 0;
            // It is just being opened or evicted.
            Thread.Sleep(1);
        }

        return 0;
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
        var data = buffer.AsSpan(0, (int)Math.Min(BlockSize, expected.Record.Size - (long)block * BlockSize));
        return TryRead(file, data, (long)block * BlockSize) && BlockChecksum.Compute(data) == expected.Checksums[block];
    }

    private SafeFileHandle? Open(ObjectKey key)
    {
        try
        {
            return File.OpenHandle(resources.Paths.Of(key), FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>From the disk, not from memory: a page that was right when it was written says nothing about what lies there now.</summary>
    private static bool TryRead(SafeFileHandle? file, Span<byte> data, long offset)
    {
        if (file is null)
            return false;
        try
        {
            Linux.DropPages((int)file.DangerousGetHandle(), offset, data.Length);
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
    }
}
