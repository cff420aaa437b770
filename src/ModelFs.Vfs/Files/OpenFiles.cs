using System.Diagnostics.CodeAnalysis;
using ModelFs.Cache;

namespace ModelFs.Vfs.Files;

/// <summary>The objects behind files that are open, by node id: all opens of a file share one.</summary>
/// <remarks>
/// After its last close a file stays a little, so that a loader that opens and closes it a hundred times loads it once. A read of a
/// node that is not here, as after a restart, opens it without an open: such a file goes the same way. Reads count as uses, so that
/// no object is closed under one. Memory is bounded by what is open and by <see cref="MostIdle"/>.
/// </remarks>
internal sealed class OpenFiles : IDisposable
{
    private static readonly TimeSpan Linger = TimeSpan.FromSeconds(5);

    /// <summary>An object keeps a descriptor and its map of blocks: <c>grep -r</c> over thousands of files must not keep thousands.</summary>
    private const int MostIdle = 64;

    private readonly Lock gate = new();
    private readonly Dictionary<ulong, OpenFile> files = [];
    private readonly LinkedList<OpenFile> idle = new();
    private readonly TimeProvider time;
    private readonly ITimer timer;
    private readonly Action<OpenFile> closed;
    private bool stopped;

    /// <param name="closed">Called with a file that nobody has open any more, before its object is closed.</param>
    public OpenFiles(TimeProvider time, Action<OpenFile> closed)
    {
        this.time = time;
        this.closed = closed;
        timer = time.CreateTimer(_ => CloseIdle(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Begins a use of a file that is here. Ends with <see cref="EndUse"/>.</summary>
    public bool TryUse(ulong node, [NotNullWhen(true)] out OpenFile? file)
    {
        lock (gate)
        {
            if (!files.TryGetValue(node, out file))
                return false;
            Use(file);
            return true;
        }
    }

    /// <summary>Begins a use, opening the object where it is not here.</summary>
    public OpenFile Use(ulong node, Func<ObjectHandle> open)
    {
        lock (gate)
        {
            ObjectDisposedException.ThrowIf(stopped, this);
            if (!files.TryGetValue(node, out var file))
                files.Add(node, file = new OpenFile(node, open()));
            Use(file);
            return file;
        }
    }

    public void EndUse(OpenFile file)
    {
        OpenFile? surplus = null;
        lock (gate)
        {
            if (--file.Uses > 0)
                return;
            file.IdleSince = time.GetTimestamp();
            file.Idle = idle.AddLast(file);
            if (idle.Count == 1)
                timer.Change(Linger, Timeout.InfiniteTimeSpan);
            if (idle.Count > MostIdle || stopped)
                Remove(surplus = idle.First!.Value);
        }

        if (surplus is not null)
            Close(surplus);
    }

    /// <summary>Whether somebody has the node open and reads it through us.</summary>
    public bool IsServed(ulong node)
    {
        lock (gate)
        {
            if (!files.TryGetValue(node, out var file))
                return false;
            lock (file.Gate)
                return file.Served > 0;
        }
    }

    /// <summary>Ends an open. One that an earlier run began is not known here, and that is right.</summary>
    public void Release(ulong node)
    {
        OpenFile? file;
        lock (gate)
        {
            if (!files.TryGetValue(node, out file))
                return;
            lock (file.Gate)
            {
                if (file.PassedThrough > 0)
                    file.PassedThrough--;
                else if (file.Served > 0)
                    file.Served--;
                else
                    return;
            }
        }

        EndUse(file);
    }

    public void Dispose()
    {
        List<OpenFile> left;
        lock (gate)
        {
            stopped = true;
            left = [.. idle];
            left.ForEach(Remove);
            // The kernel is gone: nobody will end these opens. What is being read is closed by its reader.
            foreach (var file in files.Values.Where(file => file.Uses == file.Opens).ToList())
            {
                files.Remove(file.Node);
                left.Add(file);
            }

            foreach (var file in files.Values)
                (file.Uses, file.Served, file.PassedThrough) = (file.Uses - file.Opens, 0, 0);
        }

        timer.Dispose();
        left.ForEach(Close);
    }

    /// <summary>Closes at once what stays for a next open: the cache needs its room.</summary>
    public void CloseLingering()
    {
        List<OpenFile> left;
        lock (gate)
        {
            left = [.. idle];
            left.ForEach(Remove);
        }

        left.ForEach(Close);
    }

    private void CloseIdle()
    {
        List<OpenFile> old = [];
        lock (gate)
        {
            while (!stopped && idle.First is { } first)
            {
                var left = Linger - time.GetElapsedTime(first.Value.IdleSince);
                if (left > TimeSpan.Zero)
                {
                    timer.Change(left, Timeout.InfiniteTimeSpan);
                    break;
                }

                Remove(first.Value);
                old.Add(first.Value);
            }
        }

        old.ForEach(Close);
    }

    private void Close(OpenFile file)
    {
        closed(file);
        // The order in which files go is that of their last uses: many of them are closed together when the cache needs room.
        file.Handle.Close(file.Idle is null ? TimeSpan.Zero : time.GetElapsedTime(file.IdleSince));
    }

    private void Use(OpenFile file)
    {
        file.Uses++;
        if (file.Idle is null)
            return;
        idle.Remove(file.Idle);
        file.Idle = null;
    }

    private void Remove(OpenFile file)
    {
        idle.Remove(file.Idle!);
        files.Remove(file.Node);
    }

    /// <summary>Guarded by the table's lock, but for the handle.</summary>
    public sealed class OpenFile(ulong node, ObjectHandle handle)
    {
        public ulong Node { get; } = node;

        public ObjectHandle Handle { get; } = handle;

        /// <summary>Opens, and reads under way.</summary>
        public int Uses { get; set; }

        public int Opens => Served + PassedThrough;

        /// <summary>Guards how it is open; taken after the table's lock, and for a moment only.</summary>
        public Lock Gate { get; } = new();

        /// <summary>Opens whose reads come to us. While there are any, there is no <see cref="BackingId"/>.</summary>
        public int Served { get; set; }

        /// <summary>Opens whose reads the kernel answers from <see cref="BackingId"/>.</summary>
        public int PassedThrough { get; set; }

        /// <summary>Under which the kernel has the object's file, or 0. All opens of a node must go the same way while any of them lives.</summary>
        public int BackingId { get; set; }

        /// <summary>Finds out which way opens go. Those that come meanwhile wait for it.</summary>
        public Task? Deciding { get; set; }

        /// <summary>When an open was last sent back to look the name up again, or null.</summary>
        public long? SentBack { get; set; }

        public long IdleSince { get; set; }

        public LinkedListNode<OpenFile>? Idle { get; set; }
    }
}
