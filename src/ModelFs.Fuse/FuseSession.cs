using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;
using ModelFs.Fuse.Protocol;
using ModelFs.Fuse.Session;

namespace ModelFs.Fuse;

/// <summary>The conversation with the kernel over one device: handshake, dispatch, replies, deadlines.</summary>
/// <remarks>
/// Threads: <see cref="FuseMountOptions.ReaderThreads"/> that read requests and call handlers, one that watches deadlines,
/// one that sends notifications. None of them is of the .NET pool, so that a starved pool cannot keep an errno from its caller.
/// The device is not the session's: whoever made it disposes it after <see cref="Completion"/>.
/// </remarks>
public sealed class FuseSession
{
    /// <summary>
    /// Requests are names and fixed structures, and BATCH_FORGET fills what there is (1,021 nodes at a time).
    /// The kernel asks for at least 8 KiB.
    /// </summary>
    private const int RequestBufferSize = 16 * 1024;

    private readonly IFuseDevice device;
    private readonly FuseFileSystem fileSystem;
    private readonly FuseMountOptions options;
    private readonly TimeProvider time;
    private readonly ILogger logger;
    private readonly ReplyChannel replies;
    private readonly NotificationQueue notifications;
    private readonly Metrics metrics;
    private readonly TaskCompletionSource ready = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource completion = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource drained = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int readersLeft;

    /// <param name="time">The clock of deadlines; the system's by default.</param>
    /// <exception cref="ArgumentException">An option is outside its range; it is named.</exception>
    public FuseSession(IFuseDevice device, FuseFileSystem fileSystem, FuseMountOptions options, ILoggerFactory logs, TimeProvider? time = null)
    {
        options.Validate();
        this.device = device;
        this.fileSystem = fileSystem;
        this.options = options;
        this.time = time ?? TimeProvider.System;
        logger = logs.CreateLogger<FuseSession>();
        replies = new ReplyChannel(device, logger);
        notifications = new NotificationQueue(device, logger);
        metrics = new Metrics(() => Pending?.Count ?? 0);
        readersLeft = options.ReaderThreads;
    }

    /// <summary>Completes when the kernel and the session have agreed; fails when they cannot, or when the connection ends before.</summary>
    public Task Ready => ready.Task;

    /// <summary>Completes when the connection has ended and no thread of the session reads any more. It never fails.</summary>
    public Task Completion => completion.Task;

    /// <summary>Completes after <see cref="Completion"/>, when the last handler has completed too: the filesystem may be disposed then.</summary>
    public Task Drained => drained.Task;

    internal FuseConnection? Connection { get; private set; }

    /// <summary>What handlers have not completed yet. Null until the handshake.</summary>
    internal PendingRequests? Pending { get; private set; }

    internal BufferPool? Buffers { get; private set; }

    /// <summary>Begins to read. Called once.</summary>
    public void Start() => StartThread("fuse reader 0", () => RunReader(Negotiate));

    /// <summary>Tells the kernel to forget a name. Sent from a thread of its own, so that no caller can deadlock with a lookup in the same directory.</summary>
    public void InvalidateEntry(ulong parent, ReadOnlyMemory<byte> name) => notifications.InvalidateEntry(parent, name.Span);

    /// <summary>Tells the kernel to drop cached attributes, and the pages of <c>[offset, offset+length)</c> (length 0: to the end; offset below 0: attributes only).</summary>
    public void InvalidateInode(ulong node, long offset, long length) => notifications.InvalidateInode(node, offset, length);

    /// <summary>Whether the kernel can read a file itself that stands behind one of ours (Linux 6.9). Whether it lets us, the first try tells.</summary>
    public bool OffersPassthrough => Connection?.Flags.HasFlag(InitFlags.Passthrough) == true;

    /// <summary>Gives the kernel a file to read from. It holds the file until <see cref="CloseBacking"/>; ours may be closed at once.</summary>
    /// <returns>EPERM without CAP_SYS_ADMIN; ELOOP where the file lies on a filesystem that is stacked itself.</returns>
    public Errno TryOpenBacking(SafeFileHandle file, out int backingId) => device.OpenBacking(file, out backingId);

    /// <summary>Files that are open with it stay so.</summary>
    public void CloseBacking(int backingId) => device.CloseBacking(backingId);

    private static void StartThread(string name, ThreadStart body) => new Thread(body) { Name = name, IsBackground = true }.Start();

    /// <summary>The first reader answers INIT alone; the kernel sends nothing else before. Then it starts the others and becomes one of them.</summary>
    private void Negotiate(byte[] request)
    {
        while (true)
        {
            int length = device.Read(request);
            if (length == 0)
                return;

            HandshakeOutcome outcome = AnswerInit(request.AsSpan(0, length));
            if (outcome == HandshakeOutcome.Agreed)
                break;
            if (outcome == HandshakeOutcome.Refused)
                return;
        }

        Buffers = new BufferPool(Connection!.MaxRead);
        Pending = new PendingRequests(Buffers, metrics, time);
        var dispatcher = new RequestDispatcher(fileSystem, replies, Pending, Buffers, metrics, logger);
        notifications.Start();
        fileSystem.Started(this);
        StartThread("fuse deadline", WatchDeadlines);
        for (int reader = 1; reader < options.ReaderThreads; reader++)
            StartThread($"fuse reader {reader}", () => RunReader(buffer => Serve(dispatcher, buffer)));
        ready.TrySetResult();
        Serve(dispatcher, request);
    }

    private HandshakeOutcome AnswerInit(ReadOnlySpan<byte> message)
    {
        ReadOnlySpan<byte> body = message;
        if (!RequestParser.TryTake(ref body, out InHeader header))
        {
            Log.MalformedRequest(logger, message.Length, 0);
            return HandshakeOutcome.AskedToRepeat;
        }

        ReadOnlySpan<byte> init = body;
        if (header.Opcode != FuseOpcode.Init || !Handshake.TryAnswer(body, out HandshakeOutcome outcome, out InitOut reply, out FuseConnection? connection))
        {
            Log.MalformedRequest(logger, message.Length, (uint)header.Opcode);
            replies.Error(header.Unique, Errno.EIO);
            return HandshakeOutcome.AskedToRepeat;
        }

        RequestParser.TryTake(ref init, out InitIn offered);
        if (outcome == HandshakeOutcome.Refused)
        {
            Log.VersionRefused(logger, offered.Major, offered.Minor);
            replies.Error(header.Unique, Errno.EPROTO);
            ready.TrySetException(new FuseMountException($"the kernel speaks FUSE {offered.Major}.{offered.Minor}; 7.31 (Linux 5.4) or later is needed"));
            return outcome;
        }

        if (connection is not null)
        {
            Connection = connection;
            Log.Agreed(logger, offered.Minor, connection.Minor, connection.MaxRead, connection.Flags);
        }

        replies.Struct(header.Unique, reply);
        return outcome;
    }

    private void Serve(RequestDispatcher dispatcher, byte[] request)
    {
        for (int length = device.Read(request); length > 0; length = device.Read(request))
            dispatcher.Dispatch(request.AsSpan(0, length));
    }

    private void RunReader(Action<byte[]> read)
    {
        try
        {
            // Pinned for good: the buffer is under a blocking system call all its life.
            read(GC.AllocateUninitializedArray<byte>(RequestBufferSize, pinned: true));
        }
        catch (IOException failure)
        {
            Log.DeviceFailed(logger, failure.Message);
        }

        // The others see the same end: the connection ends for all, and without a handshake there are none.
        if (Pending is null || Interlocked.Decrement(ref readersLeft) == 0)
            End();
    }

    private void End()
    {
        ready.TrySetException(new FuseMountException("the connection ended before the kernel and the session had agreed"));
        notifications.Dispose();
        metrics.Dispose();
        Pending?.EndSession();
        completion.TrySetResult();
        if (Pending is null)
            drained.TrySetResult();
        else
            _ = DrainAsync(Pending, Buffers!);
    }

    private async Task DrainAsync(PendingRequests pending, BufferPool buffers)
    {
        await pending.Drained.ConfigureAwait(false);
        buffers.Dispose();
        drained.TrySetResult();
    }

    private void WatchDeadlines()
    {
        // An eighth late at most, and never more than a second.
        var period = TimeSpan.FromMilliseconds(Math.Clamp(options.RequestDeadline.TotalMilliseconds / 8, 5, 1000));
        var expired = new List<ExpiredRequest>();
        while (!completion.Task.Wait(period))
        {
            Pending!.Expire(options.RequestDeadline, expired);

            // All callers first: none of them waits for a line of the log.
            foreach (ExpiredRequest request in expired)
                replies.Error(request.Unique, Errno.EIO);
            foreach (ExpiredRequest request in expired)
            {
                metrics.DeadlinePassed(request.Opcode);
                Log.DeadlinePassed(logger, request.Opcode, request.Node, request.Age);
            }

            expired.Clear();
        }
    }
}
