using Microsoft.Win32.SafeHandles;
using ModelFs.Cache.Disk;
using ModelFs.Cache.Fetching;

namespace ModelFs.Cache.Objects;

/// <summary>The blocks of one object on the disk: written and verified here, dropped when they are not what they were. For threads that may block.</summary>
internal sealed class ObjectDisk(CachedObject owner, BlockMap map, Lock gate) : IDisposable
{
    [ThreadStatic]
    private static byte[]? scratch;

    private readonly Lock opening = new();
    private readonly Lock writing = new();
    private readonly Preallocation places = new(owner, map);
    private List<int> unindexed = [];
    private List<int> syncing = [];
    private int syncFailures;
    private volatile IObjectFile? file;
    private FileStamp? stamp;
    private int writes;

    /// <summary>Null until the object has a file.</summary>
    public IObjectFile? File => file;

    /// <summary>What the file was like when it was last known to be as we left it. Whoever touches it later changes that.</summary>
    public FileStamp Untouched
    {
        get
        {
            lock (writing)
                return stamp ??= file!.Stamp();
        }
    }

    /// <summary>Some of the disk is set aside for it, until <see cref="GiveBack"/>.</summary>
    public bool HasPlaces => places.HasAny;

    private static byte[] Scratch => scratch ??= GC.AllocateUninitializedArray<byte>(CacheOptions.BlockSize, pinned: true);

    private CacheResources Resources => owner.Resources;

    /// <summary>[locked] Blocks are on disk that the disk has not confirmed, and of which the index has not heard.</summary>
    public bool IsDirty => unindexed.Count + syncing.Count > 0;

    /// <exception cref="IOException">The disk fails.</exception>
    public IObjectFile? Open(bool create)
    {
        string path = Resources.Paths.Of(owner.Key);
        lock (opening)
        {
            if (file is not null)
                return file;
            var opened = Resources.OpenFile(path, create);
            try
            {
                // Blocks in a file without its number would pass for those of an earlier life, of which the index may still know.
                if (create)
                    opened!.SetGeneration(owner.Generation);
                return file = opened;
            }
            catch
            {
                opened?.Dispose();
                throw;
            }
        }
    }

    /// <summary>Stores neighbours that have arrived, in one write. False when the disk does not take them: they are served from memory then.</summary>
    /// <returns>Null when something would have to go for all of them: one alone may find a place, or makes it.</returns>
    public bool? TryWrite(InflightBlock[] run)
    {
        if (!owner.IsLoaded)
            return false;
        // It was fetched while the disk kept it to itself.
        if (Array.Exists(run, block => map[block.Number] != BlockState.Missing))
            return run.Length > 1 ? null : true;
        var buffers = Array.ConvertAll(run, block => block.Buffer!);
        ulong[] checksums = Array.ConvertAll(run, block => BlockChecksum.Compute(block.Buffer!.Span[..map.LengthOf(block.Number)]));
        if (Resources.Health.TryBegin() is not { } attempt || owner.Account.Health.TryBegin() is not { } share)
            return false;
        bool isWritten = false;
        int needed = places.Begin(run);
        try
        {
            if (needed > 0 && run.Length > 1 && !Resources.Space.TryAdmit(needed, owner.Account))
                return null;
            if (needed > 0 && run.Length == 1 && !Resources.Space.Admit(needed, owner.Account, Resources.Health))
                return false;
            isWritten = TryWrite(run, buffers, checksums, needed);
        }
        finally
        {
            places.End(run, isWritten);
        }

        if (!isWritten)
            return false;
        Resources.Health.Succeeded(attempt);
        owner.Account.Health.Succeeded(share);
        return true;
    }

    /// <param name="needed">Bytes that were admitted for it.</param>
    private bool TryWrite(InflightBlock[] run, BlockBuffer[] buffers, ulong[] checksums, int needed)
    {
        bool isWritten = false;
        int failures;
        lock (gate)
            failures = syncFailures;
        try
        {
            var opened = Open(create: true)!;
            Change(opened, () =>
            {
                if (needed > 0)
                    places.Allocate(opened, run);
                opened.Write(buffers, LengthOf(run), (long)run[0].Number * CacheOptions.BlockSize);
            });
            isWritten = true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Resources.Health.Failed(e.Message);
            return false;
        }
        finally
        {
            if (needed > 0)
                Resources.Space.Settle(owner, needed, isWritten);
        }

        lock (gate)
        {
            // The sync that failed meanwhile has taken an error out of the kernel that may be this write's, and no later one tells it again.
            if (failures != syncFailures)
                return false;
            for (int i = 0; i < run.Length; i++)
            {
                map.Set(run[i].Number, BlockState.Written, checksums[i]);
                unindexed.Add(run[i].Number);
            }
        }

        return true;
    }

    /// <summary>Nothing comes any more for now: what was set aside for it goes back to the filesystem.</summary>
    public void GiveBack()
    {
        if (HasPlaces && file is { } opened)
            Change(opened, () => places.GiveBack(opened));
    }

    /// <summary>So does what was set aside, and never written, before a process was killed. For the loader.</summary>
    /// <remarks>Each gap costs 9 µs, so they are left alone where the map of the file (12 to 25 bytes an extent on ext4) is all that it takes beyond its blocks.</remarks>
    public void GiveBackMissing()
    {
        if (file is { } opened && opened.Stamp().Allocated - map.CachedBytes >= CacheOptions.BlockSize + map.PresentCount * 32L)
            Change(opened, () => places.GiveBackMissing(opened));
    }

    /// <summary>Whether somebody else wrote to the file since we last did: then nothing counts as verified any more.</summary>
    /// <remarks>Asked before the first of the writes that run side by side, which would hide it, and whenever the object is opened again.</remarks>
    public void DistrustIfTouched()
    {
        lock (writing)
        {
            if (file is not { } opened || writes > 0)
                return;
            var now = opened.Stamp();
            if (stamp is { } former && !now.SameContent(former))
                owner.Touched();

            stamp = now;
        }
    }

    /// <summary>What somebody has compared with its checksums while the file was like this counts as verified. False when it was touched since.</summary>
    public bool Trust(FileStamp compared)
    {
        lock (writing)
        {
            DistrustIfTouched();
            if (writes > 0 || stamp?.SameContent(compared) != true)
                return false;
            lock (gate)
                map.Trust();
            return true;
        }
    }

    /// <summary>Opens the file once more, for reading only. Null when it is not there any more, or is not the one that was last looked at.</summary>
    public SafeFileHandle? OpenAgain()
    {
        try
        {
            var handle = System.IO.File.OpenHandle(Resources.Paths.Of(owner.Key), FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            if (stamp is { } known && Linux.Stamp((int)handle.DangerousGetHandle()).SameContent(known))
                return handle;
            handle.Dispose();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Log.CannotOpen(Resources.Log, owner.Name, e.Message);
        }

        return null;
    }

    /// <summary>The checksums of all blocks; null when one was dropped meanwhile, or is not confirmed by the disk yet.</summary>
    public ulong[]? ConfirmedChecksums()
    {
        lock (gate)
            return map.IsComplete && !IsDirty ? map.Checksums() : null;
    }

    /// <summary>Hands out what is stored, each block verified before its first byte is. Less than asked, even 0, where a block had to be dropped, or nobody waits any more.</summary>
    public int Read(long offset, int count, ReadJob reader)
    {
        int done = 0;
        while (done < count)
        {
            long position = offset + done;
            int block = (int)(position / CacheOptions.BlockSize);
            int within = (int)(position % CacheOptions.BlockSize);
            int wanted = Math.Min(count - done, map.LengthOf(block) - within);
            int from = map[block] == BlockState.Verified ? 0 : within;
            bool right = map[block] switch
            {
                BlockState.Verified => TryReadOnce(Scratch, wanted, position),
                BlockState.Present or BlockState.Written => Verify(block),
                _ => false,
            };
            if (!right)
            {
                Drop(block);
                break;
            }

            if (!reader.TryTake(Scratch.AsSpan(from, wanted), done))
                break;
            done += wanted;
        }

        return done;
    }

    /// <summary>Compares a block with its checksum; what was right is trusted while the object is loaded.</summary>
    public bool Verify(int block)
    {
        byte[] pinned = Scratch;
        int length = map.LengthOf(block);
        ulong expected;
        lock (gate)
        {
            if (map[block] == BlockState.Missing)
                return false;
            expected = map.ChecksumOf(block);
        }

        if (!TryReadOnce(pinned, length, (long)block * CacheOptions.BlockSize) || BlockChecksum.Compute(pinned.AsSpan(0, length)) != expected)
            return false;
        lock (gate)
        {
            if (map[block] == BlockState.Missing)
                return false;
            if (map[block] == BlockState.Present)
                map.Set(block, BlockState.Verified, expected);
        }

        return true;
    }

    /// <summary>Whether a block is what it was, read anew; also when it is not there any more.</summary>
    public bool IsRight(int block) => Verify(block) || map[block] == BlockState.Missing;

    /// <summary>What <see cref="Verify"/> has just read on this thread.</summary>
    public static ReadOnlySpan<byte> Verified(int length) => scratch.AsSpan(0, length);

    /// <summary>Forgets a block, in the index too: it is fetched again.</summary>
    public void Drop(int block)
    {
        lock (gate)
        {
            if (map[block] == BlockState.Missing)
                return;
            map.Set(block, BlockState.Missing, 0);
            unindexed.Remove(block);
        }

        Resources.Metrics.AddDamaged();
        Log.BlockDamaged(Resources.Log, block, owner.Name);
        _ = Resources.Index.RemoveBlockAsync(owner.Key, block);
        owner.Dropped(block);
    }

    /// <summary>Brings written blocks to the disk; only then may the index speak of them. One call at a time.</summary>
    /// <remarks>A block that is dropped and written again while the disk syncs waits for the next sync: this one began before its write.</remarks>
    /// <returns>The blocks that are new to the index.</returns>
    public List<(int Number, ulong Checksum)> Flush()
    {
        lock (gate)
        {
            if (unindexed.Count == 0 || map.Size < 0)
                return [];
            (syncing, unindexed) = (unindexed, []);
        }

        int errno = file?.Sync() ?? 0;
        if (errno != 0)
        {
            SyncFailed(errno);
            return [];
        }

        lock (gate)
        {
            var later = unindexed.ToHashSet();
            var confirmed = syncing.Where(n => map[n] != BlockState.Missing && !later.Contains(n)).Select(n => (n, map.ChecksumOf(n))).ToList();
            foreach (var (number, checksum) in confirmed)
            {
                if (map[number] == BlockState.Written)
                    map.Set(number, BlockState.Verified, checksum);
            }

            syncing = [];
            return confirmed;
        }
    }

    /// <summary>After a failed fsync nobody knows what is on the disk, and the next one would lie: whatever it may have been about is dropped.</summary>
    private void SyncFailed(int errno)
    {
        Resources.Health.Failed($"fdatasync: errno {errno}");
        List<int> lost;
        lock (gate)
        {
            syncFailures++;
            lost = [.. syncing, .. unindexed];
            syncing = [];
        }

        foreach (int number in lost)
            Drop(number);
    }

    public void Dispose()
    {
        lock (opening)
        {
            file?.Dispose();
            file = null;
        }

        Resources.Space.Closed(owner.Key);
    }

    /// <summary>A change of ours, which is not taken for somebody else's.</summary>
    private void Change(IObjectFile opened, Action change)
    {
        lock (writing)
        {
            DistrustIfTouched();
            writes++;
        }

        try
        {
            change();
        }
        finally
        {
            lock (writing)
            {
                if (--writes == 0)
                    stamp = opened.Stamp();
            }
        }
    }

    private int LengthOf(InflightBlock[] run) => run.Sum(block => map.LengthOf(block.Number));

    /// <summary>
    /// What is read is not kept: who reads through us has it in the page cache of the mount, and a second copy, as well as a whole object
    /// that is hashed, would push out what readers use.
    /// </summary>
    private bool TryReadOnce(byte[] pinned, int count, long offset)
    {
        try
        {
            return file is { } opened && opened.ReadOnce(pinned, count, offset) == count;
        }
        catch (IOException)
        {
            return false;
        }
    }
}
