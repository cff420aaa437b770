using Microsoft.Extensions.Logging;
using ModelFs.Fuse.Protocol;

namespace ModelFs.Fuse.Session;

/// <summary>Sends what a handler returned, or undoes it.</summary>
/// <param name="size">What the request asked for, where the answer depends on it.</param>
/// <param name="claimed">False when the request was answered meanwhile: the value only has to be undone.</param>
internal delegate void ReplyWriter<T>(FuseRequest request, T value, uint size, bool claimed);

/// <summary>How each value that a handler can return goes to the kernel.</summary>
/// <remarks>
/// A reply may come too late: the deadline answered, or the caller was killed. Then the kernel has never seen the reference
/// that the handler counted or the handle that it opened, and will not give them back; so that happens here.
/// </remarks>
internal sealed class Replies
{
    private readonly FuseFileSystem fileSystem;
    private readonly ReplyChannel replies;
    private readonly ILogger logger;

    public Replies(FuseFileSystem fileSystem, ReplyChannel replies, ILogger logger)
    {
        this.fileSystem = fileSystem;
        this.replies = replies;
        this.logger = logger;

        // Delegates are made once: a method group converted at each request would be an allocation at each request.
        Entry = SendEntry;
        Attributes = (request, value, size, claimed) => _ = claimed && replies.Struct(request.Unique, ReplyEncoder.AttributesReply(value));
        StatX = (request, value, size, claimed) => _ = claimed && replies.Struct(request.Unique, ReplyEncoder.StatX(value));
        Bytes = (request, value, size, claimed) => _ = claimed && replies.Bytes(request.Unique, value.Span);
        Open = SendOpen;
        Read = SendRead;
        Directory = SendDirectory;
        Statistics = (request, value, size, claimed) => _ = claimed && replies.Struct(request.Unique, ReplyEncoder.Statistics(value));
        ExtendedAttribute = SendExtendedAttribute;
        Seek = (request, value, size, claimed) => _ = claimed && replies.Struct(request.Unique, new LSeekOut { Offset = (ulong)value });
    }

    public ReplyWriter<FuseEntry> Entry { get; }

    public ReplyWriter<FuseAttributesReply> Attributes { get; }

    public ReplyWriter<FuseAttributesReply> StatX { get; }

    public ReplyWriter<ReadOnlyMemory<byte>> Bytes { get; }

    public ReplyWriter<FuseOpen> Open { get; }

    public ReplyWriter<int> Read { get; }

    public ReplyWriter<Unit> Directory { get; }

    public ReplyWriter<FuseStatistics> Statistics { get; }

    public ReplyWriter<ReadOnlyMemory<byte>> ExtendedAttribute { get; }

    public ReplyWriter<long> Seek { get; }

    /// <summary>ENOSYS to an open would tell the kernel never to send another, for all files and for ever.</summary>
    public static Errno Permitted(FuseOpcode opcode, Errno error) =>
        error == Errno.ENOSYS && opcode is FuseOpcode.Open or FuseOpcode.OpenDir ? Errno.EIO : error;

    private void SendEntry(FuseRequest request, FuseEntry entry, uint size, bool claimed)
    {
        bool sent = claimed && replies.Struct(request.Unique, ReplyEncoder.Entry(entry));
        if (!sent && entry.NodeId != 0)
            fileSystem.Forget(entry.NodeId, 1);
    }

    private void SendOpen(FuseRequest request, FuseOpen open, uint size, bool claimed)
    {
        if (claimed && replies.Struct(request.Unique, new OpenOut { Handle = open.Handle, Flags = (uint)open.Flags, BackingId = open.BackingId }))
            return;

        if (request.Opcode == FuseOpcode.Open)
            fileSystem.Release(request.Node, open.Handle);
        else
            fileSystem.ReleaseDirectory(request.Node, open.Handle);
    }

    private void SendRead(FuseRequest request, int count, uint size, bool claimed)
    {
        if (!claimed)
            return;

        bool filled = request.Buffer.IsBacked;
        if (count < 0 || count > size || (count > 0 && !filled))
        {
            Log.ReadOutOfBounds(logger, request.Node, count, (int)size, filled ? "some were written" : "none was written");
            replies.Error(request.Unique, Errno.EIO);
            return;
        }

        replies.Bytes(request.Unique, count == 0 ? default : request.Buffer.GetSpan()[..count]);
    }

    private void SendDirectory(FuseRequest request, Unit value, uint size, bool claimed)
    {
        FuseDirectoryWriter entries = request.Entries;
        if (claimed && entries.IsFull && entries.Length == 0)
        {
            // An empty reply would be the end of the directory.
            replies.Error(request.Unique, Errno.EINVAL);
            return;
        }

        if (claimed && replies.Bytes(request.Unique, entries.Written))
            return;

        foreach (ulong node in entries.LookedUpNodes())
            fileSystem.Forget(node, 1);
    }

    private void SendExtendedAttribute(FuseRequest request, ReadOnlyMemory<byte> value, uint size, bool claimed)
    {
        if (!claimed)
            return;

        // Size 0 asks how long the value is.
        if (size == 0)
            replies.Struct(request.Unique, new GetXAttrOut { Size = (uint)value.Length });
        else if (value.Length > size)
            replies.Error(request.Unique, Errno.ERANGE);
        else
            replies.Bytes(request.Unique, value.Span);
    }
}
