using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging;
using ModelFs.Fuse.Protocol;

namespace ModelFs.Fuse.Session;

/// <summary>Sends notifications from a thread of its own, in order.</summary>
/// <remarks>
/// The kernel takes locks for them that a lookup in the same directory, or a read of the same page, may hold while it waits
/// for its answer. So this thread may block until that answer is given; no other thread and no lock may depend on it.
/// </remarks>
internal sealed class NotificationQueue : IDisposable
{
    private readonly BlockingCollection<byte[]> messages = [];
    private readonly IFuseDevice device;
    private readonly ILogger logger;
    private readonly Thread thread;

    public NotificationQueue(IFuseDevice device, ILogger logger)
    {
        this.device = device;
        this.logger = logger;
        thread = new Thread(Send) { Name = "fuse notify", IsBackground = true };
    }

    public void Start() => thread.Start();

    public void InvalidateEntry(ulong parent, ReadOnlySpan<byte> name)
    {
        Span<byte> payload = new byte[Unsafe.SizeOf<InvalidateEntryOut>() + name.Length + 1];
        MemoryMarshal.Write(payload, new InvalidateEntryOut { Parent = parent, NameLength = (uint)name.Length });
        name.CopyTo(payload[Unsafe.SizeOf<InvalidateEntryOut>()..]);
        Add(FuseNotification.InvalidateEntry, payload);
    }

    public void InvalidateInode(ulong node, long offset, long length)
    {
        var payload = new InvalidateInodeOut { Node = node, Offset = offset, Length = length };
        Add(FuseNotification.InvalidateInode, MemoryMarshal.AsBytes(new ReadOnlySpan<InvalidateInodeOut>(in payload)));
    }

    /// <summary>What is queued is dropped: nobody is left to be told.</summary>
    public void Dispose() => messages.CompleteAdding();

    private void Add(FuseNotification code, ReadOnlySpan<byte> payload)
    {
        var message = new byte[OutHeader.Size + payload.Length];
        MemoryMarshal.Write(message, new OutHeader { Length = (uint)message.Length, Error = (int)code });
        payload.CopyTo(message.AsSpan(OutHeader.Size));
        try
        {
            messages.Add(message);
        }
        catch (InvalidOperationException)
        {
            // The session has ended.
        }
    }

    private void Send()
    {
        foreach (byte[] message in messages.GetConsumingEnumerable())
        {
            if (messages.IsAddingCompleted)
                return;

            // ENOENT is the common answer: the kernel has forgotten the name or the node already.
            Errno written = device.Write(message.AsSpan(0, OutHeader.Size), message.AsSpan(OutHeader.Size));
            if (written is not (Errno.None or Errno.ENOENT or Errno.ENODEV))
                Log.NotificationRefused(logger, (FuseNotification)MemoryMarshal.Read<OutHeader>(message).Error, written);
        }
    }
}
