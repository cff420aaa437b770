using Microsoft.Win32.SafeHandles;
using ModelFs.Cache.Disk;
using ModelFs.Cache.Fetching;
using ModelFs.Cache.Index;
using ModelFs.Cache.Space;

namespace ModelFs.Cache.Objects;

/// <summary>One object while it is loaded: what its handles share. <see cref="BlockCache"/> keeps one for each key.</summary>
/// <remarks>
/// A short lock guards the view of the blocks and what is in flight; nothing blocks or calls out under it. <see cref="ObjectReader"/> reads,
/// <see cref="FetchPlan"/> fetches, <see cref="ObjectDisk"/> stores, <see cref="Completion"/> completes and <see cref="Sealing"/> seals; here is
/// what holds them together.
/// </remarks>
internal sealed class CachedObject
{
    /// <summary>1 TiB: opening an object asks the index for each of its 262 144 groups of blocks, a tenth of a second. What claims to be larger is not believed.</summary>
    public const long MaxSize = 1L << 40;

    private readonly Lock gate = new();
    private readonly Lock indexing = new();
    private readonly BlockMap map = new();
    private readonly WriteQueue writes = new();
    private readonly FetchPlan plan;
    private readonly ObjectReader reader;
    private readonly Sealing sealing;
    private readonly Completion completion;
    private readonly Lookup lookup;
    private volatile bool isLoaded;
    private TaskCompletionSource changed = NewSignal();
    private bool isUnloaded;
    private long lastUse;
    private long indexedUse;

    public CachedObject(ObjectDescriptor descriptor, IObjectSource source, CacheResources resources)
    {
        Descriptor = descriptor;
        Source = source;
        Resources = resources;
        Account = resources.Accounts.Of(descriptor.Owner);
        plan = new FetchPlan(this, map, gate);
        Disk = new ObjectDisk(this, map, gate);
        lookup = new Lookup(this);
        reader = new ObjectReader(this, map, plan, gate);
        sealing = new Sealing(this, map, gate);
        completion = new Completion(this, map, plan, writes, sealing, gate);
        lastUse = resources.Now;
    }

    public ObjectDescriptor Descriptor { get; }

    public ObjectKey Key => Descriptor.Key;

    public string Name => Descriptor.Name;

    public CacheResources Resources { get; }

    /// <summary>Its registry's.</summary>
    public Account Account { get; }

    /// <summary>Why its blocks find no place on the disk just now, or null.</summary>
    public string? StoringFault => Resources.Health.Fault ?? Account.Health.Fault ?? (isLoaded ? null : "the disk has not said yet what it has of it");

    /// <summary>What is on disk has been looked up. Until then nothing is stored, nor removed: it might be there already.</summary>
    public bool IsLoaded => isLoaded;

    public ObjectDisk Disk { get; }

    /// <summary>The latest handle's: its credentials are the freshest.</summary>
    public IObjectSource Source { get; set; }

    /// <summary>Handles that are open. Guarded by the cache's lock.</summary>
    public int Handles { get; set; }

    public long Size => map.Size;

    public int BlockCount => map.Count;

    public uint Generation { get; private set; }

    public long LastUse => Volatile.Read(ref lastUse);

    public bool IsSealed => sealing.IsSealed;

    /// <summary>See <see cref="ObjectHandle.CanPassThrough"/>.</summary>
    public bool CanPassThrough => sealing.IsVouched && map.Size > 0 && Resources.PassthroughObstacle is null;

    public bool IsQuarantined => sealing.IsQuarantined;

    public int LengthOf(int block) => map.LengthOf(block);

    public ObjectState State
    {
        get
        {
            lock (gate)
            {
                bool? matched = IsQuarantined ? false : IsSealed && !Descriptor.Sha256.IsEmpty ? true : null;
                return new ObjectState(map.Size < 0 ? Descriptor.Size : map.Size, map.CachedBytes, IsSealed, matched, IsQuarantined);
            }
        }
    }

    /// <summary>[locked] Ends when something happens next: a block is stored, a fetch or sealing ends, the size is learned.</summary>
    public Task Changed => changed.Task;

    /// <summary>Nothing is being done with it. A completion that still rests does nothing to what is sealed meanwhile.</summary>
    public bool IsIdle
    {
        get
        {
            lock (gate)
                return lookup.IsEnded && plan.IsIdle && !sealing.IsRunning && (!completion.IsRunning || sealing.IsSealed);
        }
    }

    /// <summary>Blocks were written that the index does not know.</summary>
    public bool NeedsIndexing
    {
        get
        {
            lock (gate)
                return Disk.IsDirty && map.Size >= 0;
        }
    }

    /// <summary>Nothing is left to do before it is unloaded.</summary>
    public bool IsSettled => IsIdle && !NeedsIndexing && !Disk.HasPlaces;

    public bool NeedsSealing
    {
        get
        {
            lock (gate)
                return sealing.IsDue;
        }
    }

    /// <summary>Ends when what is on disk has been looked up, or the disk hangs: what it has of it is then taken when it answers. Never fails.</summary>
    public Task Ready => lookup.Ready;

    /// <param name="loading">Never fails.</param>
    public void Prepare(Task loading) => lookup.Begin(loading);

    /// <summary>Before it is read again, looks whether somebody touched its file while it was closed.</summary>
    public void PrepareAgain() => lookup.BeginAgain();

    /// <summary>The disk has not answered in time: what is known without it has to do.</summary>
    public void GoOnWithoutDisk()
    {
        lock (gate)
        {
            if (map.Size < 0 && Descriptor.Size is { } size)
                map.SetSize(size);
        }
    }

    /// <summary>The view of what the loader found. Called once, before anybody reads.</summary>
    /// <param name="vouched">Its file is as it was when it was sealed, and no daemon crashed since.</param>
    /// <param name="usedBefore">When the index says that it was used last, in milliseconds since 1970.</param>
    public void Adopt(long size, uint generation, ReadOnlySpan<bool> present, ReadOnlySpan<ulong> checksums, bool @sealed, long usedBefore = 0, bool vouched = false)
    {
        lock (gate)
        {
            // The source has told another size while the disk hung: nothing is stored of it before it is opened anew.
            if (map.Size >= 0 && size >= 0 && map.Size != size)
                return;
            Generation = generation;
            if (size >= 0)
                map.SetSize(size);
            for (int i = 0; i < checksums.Length; i++)
            {
                if (present[i])
                    map.Set(i, BlockState.Present, checksums[i]);
            }

            sealing.Adopt(@sealed, vouched);
            indexedUse = usedBefore;
            isLoaded = true;
        }
    }

    /// <summary>Its content is known not to be what the registry promised.</summary>
    public void Quarantine() => sealing.Quarantine();

    /// <summary>Its content was right once and is not any more, though each block matches its checksum: its files go, and readers get EIO until a restart.</summary>
    public void Disprove()
    {
        Quarantine();
        Resources.Quarantine[Key] = true;
        Resources.Metrics.AddQuarantined();
        Resources.Space.Remove(Key, isOpen: true);
        _ = Resources.Index.RemoveAsync(Key);
    }

    public bool TryRead(long offset, Span<byte> destination, out int count)
    {
        count = 0;
        return Ready.IsCompleted && reader.TryRead(offset, destination, out count);
    }

    public async ValueTask<CacheRead> ReadAsync(long offset, Memory<byte> destination, CancellationToken cancellation)
    {
        await Ready.WaitAsync(cancellation).ConfigureAwait(false);
        return await reader.ReadAsync(offset, destination, cancellation).ConfigureAwait(false);
    }

    public async ValueTask<CacheRead> GetSizeAsync(CancellationToken cancellation)
    {
        await Ready.WaitAsync(cancellation).ConfigureAwait(false);
        return await completion.GetSizeAsync(cancellation).ConfigureAwait(false);
    }

    public async ValueTask<CacheRead> CompleteAsync(Pace? pace, CancellationToken cancellation)
    {
        await Ready.WaitAsync(cancellation).ConfigureAwait(false);
        return await completion.RunAsync(pace, cancellation).ConfigureAwait(false);
    }

    /// <summary>[locked] Keeps the stream ahead of a sequential reader, and completes what is read through anyway.</summary>
    public void LookAhead(in ReadAhead.Hint hint)
    {
        if (hint.Window > 0)
            plan.Ahead(hint);
        completion.BeginAfter(hint.Run);
    }

    public void Touch() => Volatile.Write(ref lastUse, Resources.Now);

    /// <summary>It was in use until then: what the kernel reads in our place, nobody counts.</summary>
    public void Touch(TimeSpan ago)
    {
        long then = Resources.Now - (long)ago.TotalMilliseconds;
        for (long known = LastUse; known < then && Interlocked.CompareExchange(ref lastUse, then, known) != known;)
            known = LastUse;
    }

    public void Fetched(int bytes)
    {
        Resources.Metrics.AddOrigin(bytes);
        Account.AddOrigin(bytes);
    }

    /// <param name="waited">Whether the read waited for the source.</param>
    public void Used(int bytes, bool waited)
    {
        Account.Reads.Add(bytes, IsSealed, waited);
        Touch();
    }

    /// <summary>A block is whole: hash it in passing, and hand it to a writer.</summary>
    public void Arrived(InflightBlock block)
    {
        sealing.Arrived(block, plan);
        WriteJob.Post(this, writes, block);
    }

    /// <summary>The writer is done with some blocks, whether they are on disk now or not.</summary>
    public void Written(InflightBlock[] run, bool isStored)
    {
        foreach (var block in run)
        {
            if (!isStored)
                Resources.Metrics.AddUnstored();
            plan.Written(block);
        }

        Seal();
        Signal();
    }

    /// <summary>Why the last fetch failed that did, in the source's words.</summary>
    public string? FailureReason => plan.Failure.Reason;

    public void FetchEnded() => Signal();

    public void SizeLearned() => Signal();

    /// <summary>A stored block turned out wrong. What was sealed is not any more, on the disk neither.</summary>
    public void Dropped(int block)
    {
        plan.Forget(block);
        sealing.Break();
    }

    /// <summary>Brings what was written to the disk, then tells the index; also of its last use, when the index is late by more than <paramref name="grain"/>.</summary>
    public void Index(TimeSpan grain)
    {
        lock (indexing)
        {
            if (!isUnloaded && (IsIdle || Resources.Closing.IsCancellationRequested))
                Disk.GiveBack();
            if (isUnloaded || (!NeedsIndexing && (map.PresentCount == 0 || LastUse - indexedUse < grain.TotalMilliseconds)))
                return;
            var blocks = Disk.Flush();
            if (map.PresentCount == 0)
                return;
            indexedUse = LastUse;
            _ = Resources.Index.PutAsync(Key, Record(), blocks);
        }
    }

    /// <summary>Tells the index whether it is complete, but not after it was unloaded: a record that outlived an eviction would bring all its blocks back.</summary>
    public void IndexSealing()
    {
        lock (indexing)
        {
            if (!isUnloaded)
                _ = Resources.Index.PutAsync(Key, Record(), []);
        }
    }

    /// <summary>What the disk should hold, for whoever compares.</summary>
    public IndexedObject Snapshot()
    {
        lock (gate)
            return map.Snapshot(Record());
    }

    public ObjectRecord Record()
    {
        var flags = !IsSealed ? ObjectFlags.None : Descriptor.Sha256.IsEmpty ? ObjectFlags.Sealed : ObjectFlags.Sealed | ObjectFlags.DigestMatched;
        return new ObjectRecord(map.Size, Generation, (uint)(LastUse / 60_000), flags);
    }

    /// <summary>The file for the kernel to read, or null when that may not be: then what can be done about it is begun. For a thread that may block.</summary>
    public SafeFileHandle? OpenForKernel()
    {
        Disk.DistrustIfTouched();
        if (CanPassThrough && Disk.OpenAgain() is { } file)
            return file;
        if (Resources.PassthroughObstacle is null)
            sealing.Verify();
        return null;
    }

    /// <summary>Called by the verification at its end.</summary>
    public void Verified(bool isRight)
    {
        sealing.Verified(isRight);
        Signal();
    }

    /// <summary>Somebody touched its file, or may have.</summary>
    public void Touched()
    {
        lock (gate)
        {
            map.Distrust();
            sealing.Distrust();
        }
    }

    /// <summary>Verifies and seals what is complete, on the sealer's thread.</summary>
    public void Seal()
    {
        lock (gate)
        {
            if (sealing.IsDue)
                sealing.Begin();
        }
    }

    /// <summary>Called by the sealer at its end.</summary>
    public void SealEnded(int errno, bool isSealed, bool mismatch)
    {
        sealing.Ended(errno, isSealed, mismatch);
        Signal();
    }

    public void Unload()
    {
        // Whoever removes the object next must not find it in the index again.
        lock (indexing)
            isUnloaded = true;
        Close();
    }

    /// <summary>Gives back what it holds, at the end of the process: it waits for no disk.</summary>
    public void Close()
    {
        plan.Clear();
        Disk.Dispose();
        sealing.Dispose();
    }

    private void Signal()
    {
        TaskCompletionSource signalled;
        lock (gate)
            (signalled, changed) = (changed, NewSignal());
        signalled.SetResult();
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
