using System.Buffers.Binary;
using System.Collections.Concurrent;
using Microsoft.Win32.SafeHandles;
using ModelFs.Fuse;

namespace ModelFs.Testing.Kernel;

/// <summary>Plays the kernel's side of a FUSE connection: sends requests as bytes, and holds replies to the kernel's own rules.</summary>
/// <remarks>
/// It builds and reads every structure by itself, from include/uapi/linux/fuse.h, so that a mistake in the library's structures
/// meets no twin here. A reply that the kernel would refuse is refused with the same errno.
/// </remarks>
public sealed class ScriptedKernel : IFuseDevice
{
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private const int InHeaderSize = 40;
    private const int OutHeaderSize = 16;

    private readonly BlockingCollection<byte[]> requests = [];
    private readonly ConcurrentDictionary<ulong, TaskCompletionSource<ScriptedReply>> callers = new();
    private readonly BlockingCollection<ScriptedReply> notifications = [];
    private long lastUnique;
    private int strayReplies;
    private int lastBacking;

    /// <summary>Replies that nobody waited for: second ones, and those to unknown or abandoned requests.</summary>
    public int StrayReplies => Volatile.Read(ref strayReplies);

    /// <summary>Replies that the kernel would have refused, and why. A session that is in order causes none.</summary>
    public ConcurrentQueue<string> Refusals { get; } = new();

    /// <summary>Makes the device refuse a reply: given its unique, the errno to fail with.</summary>
    public Func<ulong, Errno>? RefuseReply { get; set; }

    int IFuseDevice.Read(Span<byte> request)
    {
        while (true)
        {
            if (!requests.TryTake(out byte[]? next, Timeout.Infinite))
                return 0;

            if (next.Length == 0)
                throw new IOException("the script said so");
            if (next.Length > request.Length)
            {
                // The kernel answers what does not fit by itself.
                ulong unique = BinaryPrimitives.ReadUInt64LittleEndian(next.AsSpan(8));
                callers[unique].TrySetResult(new ScriptedReply(unique, (int)Errno.EIO, []));
                continue;
            }

            next.CopyTo(request);
            return next.Length;
        }
    }

    Errno IFuseDevice.Write(ReadOnlySpan<byte> header, ReadOnlySpan<byte> payload)
    {
        if (requests.IsAddingCompleted)
            return Errno.ENODEV;
        if (header.Length != OutHeaderSize || BinaryPrimitives.ReadUInt32LittleEndian(header) != header.Length + payload.Length)
            return Refuse($"length {header.Length}+{payload.Length}");

        int error = BinaryPrimitives.ReadInt32LittleEndian(header[4..]);
        ulong unique = BinaryPrimitives.ReadUInt64LittleEndian(header[8..]);
        if (unique == 0)
        {
            notifications.Add(new ScriptedReply(0, error, payload.ToArray()));
            return Errno.None;
        }

        if (error is > 0 or <= -512 || (error != 0 && !payload.IsEmpty))
            return Refuse($"error {error} with {payload.Length} bytes");
        if (RefuseReply?.Invoke(unique) is { } refusal and not Errno.None)
            return refusal;

        if (callers.TryGetValue(unique, out TaskCompletionSource<ScriptedReply>? caller)
            && caller.TrySetResult(new ScriptedReply(unique, -error, payload.ToArray())))
            return Errno.None;

        Interlocked.Increment(ref strayReplies);
        return Errno.ENOENT;
    }

    /// <summary>Files that the kernel reads in our place, by backing id.</summary>
    public ConcurrentDictionary<int, string> Backings { get; } = new();

    /// <summary>What BACKING_OPEN fails with.</summary>
    public Errno RefuseBacking { get; set; }

    Errno IFuseDevice.OpenBacking(SafeFileHandle file, out int backingId)
    {
        backingId = 0;
        if (RefuseBacking != Errno.None)
            return RefuseBacking;
        backingId = Interlocked.Increment(ref lastBacking);
        Backings[backingId] = new FileInfo($"/proc/self/fd/{file.DangerousGetHandle()}").LinkTarget!;
        return Errno.None;
    }

    Errno IFuseDevice.CloseBacking(int backingId) => Backings.TryRemove(backingId, out _) ? Errno.None : Errno.ENOENT;

    /// <summary>Sends a request; its reply is waited for with <see cref="ReplyAsync"/>.</summary>
    public ulong Send(Opcode opcode, ulong node, byte[] body, uint uid = 0, uint gid = 0, uint pid = 4711)
    {
        ulong unique = NextUnique();
        Expect(unique);
        Post(Message(opcode, node, unique, body, uid, gid, pid));
        return unique;
    }

    /// <summary>Sends what has no reply: FORGET, BATCH_FORGET.</summary>
    public void Post(Opcode opcode, ulong node, byte[] body) => Post(Message(opcode, node, NextUnique(), body, 0, 0, 0));

    /// <summary>Sends bytes as they are.</summary>
    public void Post(byte[] message) => requests.Add(message);

    /// <summary>Sends bytes that have a request's header, under a unique that is expected to be answered.</summary>
    public ulong SendRaw(byte[] message)
    {
        ulong unique = NextUnique();
        BinaryPrimitives.WriteUInt64LittleEndian(message.AsSpan(8), unique);
        Expect(unique);
        Post(message);
        return unique;
    }

    /// <exception cref="TimeoutException">No reply came.</exception>
    public Task<ScriptedReply> ReplyAsync(ulong unique) => callers[unique].Task.WaitAsync(Patience);

    public Task<ScriptedReply> AskAsync(Opcode opcode, ulong node, byte[] body)
    {
        ulong unique = Send(opcode, node, body);
        return ReplyAsync(unique);
    }

    /// <summary>Says that the caller of this request was interrupted. Answered only with EAGAIN, when the session does not know it.</summary>
    /// <returns>The unique of the INTERRUPT: the request's, with the lowest bit set.</returns>
    public ulong Interrupt(ulong unique)
    {
        Expect(unique | 1);
        Post(Message(Opcode.Interrupt, 0, unique | 1, new RequestBody().U64(unique).ToArray()));
        return unique | 1;
    }

    /// <summary>The caller was killed: the kernel no longer knows the request, and refuses its reply.</summary>
    public void Abandon(ulong unique) => callers[unique].TrySetCanceled();

    /// <exception cref="TimeoutException">No notification came.</exception>
    public ScriptedReply NextNotification() =>
        notifications.TryTake(out ScriptedReply? notification, Patience) ? notification : throw new TimeoutException("no notification came");

    /// <summary>Ends the connection: every read says so, and every write fails.</summary>
    public void Unmount() => requests.CompleteAdding();

    /// <summary>Makes one reader fail as no connection ends.</summary>
    public void FailRead() => requests.Add([]);

    public void Dispose()
    {
        if (!requests.IsAddingCompleted)
            Unmount();
    }

    public static byte[] Message(Opcode opcode, ulong node, ulong unique, byte[] body, uint uid = 0, uint gid = 0, uint pid = 0) =>
        new RequestBody()
            .U32((uint)(InHeaderSize + body.Length)).U32((uint)opcode).U64(unique).U64(node)
            .U32(uid).U32(gid).U32(pid).U32(0).Bytes(body).ToArray();

    private void Expect(ulong unique) => callers[unique] = new TaskCompletionSource<ScriptedReply>(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>The kernel counts in steps of two; the lowest bit marks an INTERRUPT.</summary>
    private ulong NextUnique() => (ulong)Interlocked.Add(ref lastUnique, 2);

    private Errno Refuse(string why)
    {
        Refusals.Enqueue(why);
        return Errno.EINVAL;
    }
}
