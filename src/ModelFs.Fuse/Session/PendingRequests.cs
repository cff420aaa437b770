using ModelFs.Fuse.Protocol;

namespace ModelFs.Fuse.Session;

/// <summary>A request whose deadline has passed, as it was when it did.</summary>
internal readonly record struct ExpiredRequest(ulong Unique, FuseOpcode Opcode, ulong Node, TimeSpan Age);

/// <summary>The requests whose handlers have not completed, by unique, and the pool that they come from.</summary>
/// <remarks>
/// A request is registered before its handler is called, so that an INTERRUPT which another thread reads meanwhile finds it,
/// and so that the deadline also covers a handler which blocks its thread. It is cancelled only under the lock
/// and leaves under the lock: no token of a later request can fire by mistake.
/// </remarks>
internal sealed class PendingRequests(BufferPool buffers, Metrics metrics, TimeProvider time)
{
    /// <summary>Requests beyond this are left to the collector: it bounds what a burst of waiting reads leaves behind.</summary>
    private const int MostPooled = 64;

    private readonly Lock gate = new();
    private readonly Dictionary<ulong, FuseRequest> pending = [];
    private readonly Stack<FuseRequest> pool = new(MostPooled);
    private readonly TaskCompletionSource drained = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private bool ended;

    /// <summary>Completes when the session has ended and the last handler has completed.</summary>
    public Task Drained => drained.Task;

    public int Count
    {
        get
        {
            lock (gate)
                return pending.Count;
        }
    }

    /// <returns>Null when a request of this unique is pending already.</returns>
    public FuseRequest? Begin(in InHeader header)
    {
        lock (gate)
        {
            if (pending.ContainsKey(header.Unique))
                return null;

            if (!pool.TryPop(out FuseRequest? request))
                request = new FuseRequest(buffers);
            request.Begin(header, time.GetTimestamp());
            pending.Add(header.Unique, request);
            if (ended)
                request.Cancel(interrupted: false);
            return request;
        }
    }

    /// <summary>The handler has completed, and its result is used up.</summary>
    public void End(FuseRequest request)
    {
        if (metrics.TakesTime)
            metrics.Served(request.Opcode, time.GetElapsedTime(request.Started));
        lock (gate)
        {
            pending.Remove(request.Unique);
            request.End();
            if (pool.Count < MostPooled)
                pool.Push(request);
            if (ended && pending.Count == 0)
                drained.TrySetResult();
        }
    }

    /// <returns>False when no such request is pending.</returns>
    public bool Interrupt(ulong unique)
    {
        lock (gate)
        {
            if (!pending.TryGetValue(unique, out FuseRequest? request))
                return false;

            request.Cancel(interrupted: true);
            return true;
        }
    }

    /// <summary>Claims the answers of all requests that are older than <paramref name="deadline"/>, and cancels them.</summary>
    public void Expire(TimeSpan deadline, List<ExpiredRequest> expired)
    {
        long now = time.GetTimestamp();
        lock (gate)
        {
            foreach (FuseRequest request in pending.Values)
            {
                TimeSpan age = time.GetElapsedTime(request.Started, now);
                if (age < deadline || !request.TryClaimAnswer())
                    continue;

                expired.Add(new ExpiredRequest(request.Unique, request.Opcode, request.Node, age));
                request.Cancel(interrupted: false);
            }
        }
    }

    /// <summary>Cancels everything, now and from now on.</summary>
    public void EndSession()
    {
        lock (gate)
        {
            ended = true;
            foreach (FuseRequest request in pending.Values)
                request.Cancel(interrupted: false);
            if (pending.Count == 0)
                drained.TrySetResult();
        }
    }
}
