using ModelFs.Cache.Disk;
using ModelFs.Cache.Fetching;

namespace ModelFs.Cache.Objects;

/// <summary>Whether one object is sealed, is being sealed, or is not what the registry promised.</summary>
/// <remarks>Members marked [locked] are called under the object's lock; the others take it or need none.</remarks>
internal sealed class Sealing(CachedObject owner, BlockMap map, Lock gate) : IDisposable
{
    private readonly PrefixHash? hash = owner.Descriptor.Sha256.IsEmpty ? null : new PrefixHash();
    private volatile bool isSealed;
    private volatile bool isVouched;
    private volatile bool isQuarantined;
    private TaskCompletionSource<int>? running;

    public bool IsSealed => isSealed;

    /// <summary>Sealed, and its file is known to be what was sealed: the kernel may read it in our place.</summary>
    public bool IsVouched => isVouched && isSealed && !isQuarantined;

    /// <summary>Its content is known not to be what the registry promised.</summary>
    public bool IsQuarantined => isQuarantined;

    /// <summary>[locked]</summary>
    public bool IsRunning => running is not null;

    /// <summary>[locked] It is complete, and nobody is at it.</summary>
    public bool IsDue => map.IsComplete && !isSealed && !isQuarantined && running is null;

    /// <summary>[locked] Nobody touched the file since its blocks were verified.</summary>
    private bool IsUntouched => map.IsVerified(0, map.Count - 1);

    /// <summary>What the loader found.</summary>
    public void Adopt(bool @sealed, bool vouched) => (isSealed, isVouched) = (@sealed, @sealed && vouched);

    /// <summary>[locked] Somebody touched the file.</summary>
    public void Distrust() => isVouched = false;

    public void Quarantine() => isQuarantined = true;

    /// <summary>A block is whole: its bytes are hashed in passing, and after them those that came before their turn and are still in memory.</summary>
    public void Arrived(InflightBlock block, FetchPlan plan)
    {
        if (hash is null)
            return;
        hash.Append(block.Number, Bytes(block));
        while (hash.Next is var next && plan.Hold(next) is { } held)
        {
            hash.Append(next, Bytes(held));
            plan.Unread(held);
            if (hash.Next <= next)
                return; // Somebody else is at it.
        }
    }

    /// <summary>[locked] Verifies and seals what is complete, on the sealer's thread. 0, or why it could not be.</summary>
    public Task<int> Begin()
    {
        if (running is not null)
            return running.Task;
        running = new TaskCompletionSource<int>(TaskCreationOptions.RunContinuationsAsynchronously);
        var task = running.Task;
        if (!owner.Resources.Sealers.Post(new Sealer(owner, map, hash)))
            running.SetResult(Linux.EIO);
        return task;
    }

    /// <summary>Reads the blocks of what is sealed again, on the sealer's thread, so that the kernel may read it.</summary>
    public void Verify()
    {
        lock (gate)
        {
            if (!isSealed || isVouched || running is not null || map.Size == 0)
                return;
            running = new TaskCompletionSource<int>(TaskCreationOptions.RunContinuationsAsynchronously);
            if (owner.Resources.Sealers.Post(new Verification(owner, map)))
                return;
            running = null;
        }
    }

    /// <summary>Called by the verification at its end.</summary>
    public void Verified(bool isRight)
    {
        TaskCompletionSource<int>? waiting;
        lock (gate)
        {
            isVouched = isRight && isSealed && IsUntouched;
            (waiting, running) = (running, null);
        }

        waiting?.SetResult(0);
    }

    /// <summary>Called by the sealer at its end.</summary>
    /// <param name="hasSidecar">It is sealed on the disk.</param>
    public void Ended(int errno, bool hasSidecar, bool mismatch)
    {
        TaskCompletionSource<int>? waiting;
        bool complete;
        lock (gate)
        {
            // In this order: whoever sees that it is sealed may ask at once whether the kernel can read it.
            complete = hasSidecar && map.IsComplete;
            isVouched = complete && IsUntouched;
            isSealed = complete;
            isQuarantined |= mismatch;
            (waiting, running) = (running, null);
        }

        if (hasSidecar && !complete)
            Unseal();
        waiting?.SetResult(errno);
    }

    /// <summary>A stored block turned out wrong. What was sealed is not any more, on the disk neither.</summary>
    public void Break()
    {
        bool wasSealed;
        lock (gate)
        {
            wasSealed = isSealed;
            isSealed = isVouched = false;
        }

        hash?.Reset();
        if (wasSealed)
            Unseal();
    }

    private void Unseal()
    {
        owner.Resources.Catalog.Unseal(owner.Key);
        DurableFile.TryDelete(Sidecar.PathOf(owner.Resources.Paths.Of(owner.Key)), owner.Resources.Log);
        owner.IndexSealing();
    }

    private ReadOnlySpan<byte> Bytes(InflightBlock block) => block.Buffer!.Span[..map.LengthOf(block.Number)];

    public void Dispose() => hash?.Dispose();
}
