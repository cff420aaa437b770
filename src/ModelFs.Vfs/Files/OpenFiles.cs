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
    private bool stopped;

    public OpenFiles(TimeProvider time)
    {
        this.time = time;
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

        surplus?.Handle.Dispose();
    }

    /// <summary>An open that a RELEASE will end.</summary>
    public void Open(ulong node, Func<ObjectHandle> open)
    {
        var file = Use(node, open);
        lock (gate)
            file.Opens++;
    }

    /// <summary>Ends an open. One that an earlier run began is not known here, and that is right.</summary>
    public void Release(ulong node)
    {
        OpenFile? file;
        lock (gate)
        {
            if (!files.TryGetValue(node, out file) || file.Opens == 0)
                return;
            file.Opens--;
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
                (file.Uses, file.Opens) = (file.Uses - file.Opens, 0);
        }

        timer.Dispose();
        left.ForEach(file => file.Handle.Dispose());
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

        old.ForEach(file => file.Handle.Dispose());
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

        public int Opens { get; set; }

        public long IdleSince { get; set; }

        public LinkedListNode<OpenFile>? Idle { get; set; }
    }
}
