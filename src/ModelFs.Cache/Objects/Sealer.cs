using ModelFs.Cache.Disk;

namespace ModelFs.Cache.Objects;

/// <summary>Seals one complete object: every block verified, the whole hashed where the registry gave a digest, then the sidecar.</summary>
internal sealed class Sealer(CachedObject owner, BlockMap map, PrefixHash? hash) : IWork
{
    private CacheResources Resources => owner.Resources;

    public void Run()
    {
        bool isSealed = false, mismatch = false;
        int errno;
        try
        {
            errno = Seal(out isSealed, ref mismatch);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Resources.Health.Failed(e.Message);
            Log.SealFailed(Resources.Log, owner.Name, e.Message);
            errno = Linux.ENOSPC;
        }
        catch (Exception e)
        {
            Log.Unexpected(Resources.Log, e, "sealing");
            errno = Linux.EIO;
        }

        owner.SealEnded(errno, isSealed, mismatch);
        if (errno == 0 && owner.IsSealed)
            owner.IndexSealing();
    }

    private int Seal(out bool isSealed, ref bool mismatch)
    {
        isSealed = false;
        // The sidecar is a promise: what it speaks of is on the disk first.
        owner.Index(TimeSpan.Zero);
        owner.Disk.DistrustIfTouched();
        int count = map.Count;
        for (int block = 0; block < count; block++)
        {
            if (map[block] == BlockState.Present && !owner.Disk.Verify(block))
                owner.Disk.Drop(block);
        }

        // A block that had to be dropped leaves a gap: it is fetched again, and sealing begins again with it.
        if (!map.IsComplete)
            return 0;

        var expected = owner.Descriptor.Sha256;
        if (hash is not null)
        {
            if (hash.Finish(count, ReadBlock) is not { } actual)
                return 0;
            if (!expected.Span.SequenceEqual(actual))
            {
                mismatch = true;
                Quarantine(actual);
                return Linux.EIO;
            }
        }

        isSealed = map.Size == 0 || Sidecar.TryWrite(owner);
        if (isSealed)
            Log.Sealed(Resources.Log, owner.Name, map.Size);
        return 0;
    }

    private bool ReadBlock(int block, out ReadOnlySpan<byte> data)
    {
        bool right = owner.Disk.Verify(block);
        if (!right)
            owner.Disk.Drop(block);
        data = right ? ObjectDisk.Verified(map.LengthOf(block)) : default;
        return right;
    }

    /// <summary>Its files go, so that a restart may try once more; until then its readers get EIO.</summary>
    private void Quarantine(byte[] actual)
    {
        Resources.Quarantine[owner.Key] = true;
        Resources.Metrics.AddQuarantined();
        Log.Quarantined(Resources.Log, owner.Name, owner.Descriptor.Owner, Convert.ToHexStringLower(owner.Descriptor.Sha256.Span), Convert.ToHexStringLower(actual));
        Resources.Space.Remove(owner.Key, isOpen: true);
        _ = Resources.Index.RemoveAsync(owner.Key);
    }
}
