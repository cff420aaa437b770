using ModelFs.Fuse.Protocol;
using ModelFs.Fuse.Session;

namespace ModelFs.Fuse;

/// <summary>Who asks, and whether they still want the answer. Valid until the handler's task completes.</summary>
/// <remarks>
/// Pooled: one object serves one request after another, so that a request costs no allocation.
/// It returns to the pool when the handler has completed, however long ago the caller got its answer.
/// </remarks>
public sealed class FuseRequest
{
    private CancellationTokenSource cancellation = new();
    private int answered;

    internal FuseRequest(BufferPool buffers)
    {
        Buffer = new LazyBuffer(buffers);
        Entries = new FuseDirectoryWriter(Buffer);
    }

    public ulong Unique { get; private set; }

    public uint Uid { get; private set; }

    public uint Gid { get; private set; }

    /// <summary>0 for a reader in another pid namespace.</summary>
    public uint Pid { get; private set; }

    /// <summary>Fires when the caller was interrupted, when the deadline passes, and when the session ends.</summary>
    public CancellationToken Cancelled => cancellation.Token;

    internal FuseOpcode Opcode { get; private set; }

    internal ulong Node { get; private set; }

    /// <summary>The destination of a READ, and what <see cref="Entries"/> fills.</summary>
    internal LazyBuffer Buffer { get; }

    internal FuseDirectoryWriter Entries { get; }

    /// <summary>A timestamp of the session's clock.</summary>
    internal long Started { get; private set; }

    /// <summary>Whether the caller has been told to stop waiting, so that a cancelled handler means EINTR.</summary>
    internal bool IsInterrupted { get; private set; }

    internal void Begin(in InHeader header, long started)
    {
        Unique = header.Unique;
        Opcode = header.Opcode;
        Node = header.Node;
        Uid = header.Uid;
        Gid = header.Gid;
        Pid = header.Pid;
        Started = started;
        IsInterrupted = false;
        Volatile.Write(ref answered, 0);
    }

    /// <summary>True for exactly one caller: the one that may answer.</summary>
    internal bool TryClaimAnswer() => Interlocked.Exchange(ref answered, 1) == 0;

    /// <summary>Called under the lock of <see cref="PendingRequests"/>. Callbacks run on the pool: they are somebody else's code.</summary>
    internal void Cancel(bool interrupted)
    {
        IsInterrupted |= interrupted;
        _ = cancellation.CancelAsync();
    }

    /// <summary>Called once no other thread can reach the request any more.</summary>
    internal void End()
    {
        Buffer.Release();
        if (!cancellation.TryReset())
            cancellation = new CancellationTokenSource();
    }
}
