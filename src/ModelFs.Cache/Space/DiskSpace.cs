using Microsoft.Extensions.Logging;
using ModelFs.Cache.Disk;
using ModelFs.Cache.Objects;

namespace ModelFs.Cache.Space;

/// <summary>The limits: bytes of our own, and bytes of the filesystem left free. Makes room by unlinking the object used longest ago.</summary>
internal sealed class DiskSpace(CacheOptions options, Catalog catalog, ObjectPaths paths, Metrics metrics, ILogger log)
{
    private const int Candidates = 64;

    /// <summary>Room made beyond what is needed, so that the next blocks need not look for victims again: a 64th, at most 256 MiB.</summary>
    private readonly int slack = (int)Math.Min(options.MaxBytes / 64, 256 << 20);

    /// <summary>What blocks may fill. The rest is for what follows them: sidecars, the index, metadata, and one block a writer that was admitted at the same time.</summary>
    private readonly long limit = options.MaxBytes - Math.Min(options.MaxBytes / 64, 16 << 20);

    private readonly Lock evicting = new();
    private long free = long.MaxValue;
    private long indexBytes;
    private long metadataBytes;

    /// <summary>Takes an object out of use, so that nobody opens its file while it is removed. False when somebody has it open.</summary>
    public Func<ObjectKey, bool>? Claim { get; set; }

    /// <summary>Ends what <see cref="Claim"/> began.</summary>
    public Action<ObjectKey>? Released { get; set; }

    public long UsedBytes => catalog.Bytes + Volatile.Read(ref indexBytes) + Volatile.Read(ref metadataBytes);

    public string WhyFull { get; private set; } = "";

    public void SetIndexBytes(long bytes) => Volatile.Write(ref indexBytes, bytes);

    public void AddMetadataBytes(long bytes) => Interlocked.Add(ref metadataBytes, bytes);

    /// <summary>Asks the filesystem anew; between two times its free bytes are reckoned.</summary>
    public void Refresh()
    {
        try
        {
            Volatile.Write(ref free, new DriveInfo(options.Directory).AvailableFreeSpace);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // A filesystem that does not answer says so when it is written to.
            Volatile.Write(ref free, long.MaxValue);
        }
    }

    /// <summary>Makes room for a block. False when nothing more may go.</summary>
    public bool Admit(int bytes)
    {
        if (IsOver(bytes))
            MakeRoom(bytes);
        if (IsOver(bytes))
        {
            WhyFull = UsedBytes + bytes > limit
                ? $"the limit of {options.MaxBytes} bytes is reached and everything is open"
                : $"less than {options.MinFreeBytes} bytes are free and everything is open";
            return false;
        }

        Interlocked.Add(ref free, -bytes);
        return true;
    }

    /// <summary>Evicts until the limits hold, or nothing more may go.</summary>
    public void MakeRoom(int bytes = 0)
    {
        lock (evicting)
        {
            if (!IsOver(bytes))
                return;
            int count = 0;
            long before = catalog.Bytes;
            bool isFresh = false;
            var oldest = new Queue<ObjectKey>();
            while (IsOver(bytes + slack))
            {
                if (oldest.Count == 0)
                {
                    if (isFresh)
                        break;
                    oldest = new Queue<ObjectKey>(catalog.Oldest(Candidates));
                    isFresh = true;
                }

                if (oldest.TryDequeue(out var key) && TryEvict(key))
                {
                    count++;
                    isFresh = false;
                }
            }

            if (count > 0)
                Log.Evicted(log, count, before - catalog.Bytes);
        }
    }

    /// <summary>Removes an object's files. The sidecar goes first: alone it would promise what is not there.</summary>
    public void Remove(ObjectKey key)
    {
        string path = paths.Of(key);
        if (DurableFile.TryDelete(Sidecar.PathOf(path), log) && DurableFile.TryDelete(path, log) && catalog.Remove(key) is { } entry)
            Interlocked.Add(ref free, entry.Bytes);
    }

    private bool TryEvict(ObjectKey key)
    {
        if (Claim?.Invoke(key) != true)
            return false;
        try
        {
            Remove(key);
            metrics.AddEviction();
            return !catalog.Contains(key);
        }
        finally
        {
            Released?.Invoke(key);
        }
    }

    private bool IsOver(int bytes) => UsedBytes + bytes > limit || Volatile.Read(ref free) - bytes < options.MinFreeBytes;
}
