using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using ModelFs.Fuse.Protocol;

namespace ModelFs.Fuse.Session;

/// <summary>Asks the kernel to send the session something, which proves the whole way that a request takes: kernel, queue, reader thread.</summary>
/// <remarks>
/// NOTIFY_RETRIEVE of no bytes of the root, which the kernel always knows: it puts a NOTIFY_REPLY at the end of the queue of requests.
/// Writing it takes no lock that a request may hold, so whoever asks does not block; and nobody touches the mount.
/// </remarks>
internal sealed class RoundTrip(IFuseDevice device)
{
    private const ulong Root = 1;

    private readonly Lock gate = new();
    private readonly Dictionary<ulong, TaskCompletionSource> waiting = [];
    private ulong last;

    /// <returns>False when it did not come back in time, or the connection has ended.</returns>
    public async Task<bool> RunAsync(TimeSpan limit, TimeProvider time)
    {
        var back = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        ulong unique;
        lock (gate)
            waiting.Add(unique = ++last, back);
        try
        {
            if (Send(unique) != Errno.None)
                return false;
            await back.Task.WaitAsync(limit, time).ConfigureAwait(false);
            return true;
        }
        catch (TimeoutException)
        {
            return false;
        }
        finally
        {
            lock (gate)
                waiting.Remove(unique);
        }
    }

    public void CameBack(ulong unique)
    {
        lock (gate)
        {
            if (waiting.TryGetValue(unique, out TaskCompletionSource? back))
                back.TrySetResult();
        }
    }

    private Errno Send(ulong unique)
    {
        var header = new OutHeader { Length = (uint)(OutHeader.Size + Unsafe.SizeOf<RetrieveOut>()), Error = (int)FuseNotification.Retrieve };
        var retrieve = new RetrieveOut { Unique = unique, Node = Root };
        return device.Write(MemoryMarshal.AsBytes(new ReadOnlySpan<OutHeader>(in header)), MemoryMarshal.AsBytes(new ReadOnlySpan<RetrieveOut>(in retrieve)));
    }
}
