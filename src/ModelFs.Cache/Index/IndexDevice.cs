using System.Runtime.InteropServices;
using FASTER.core;
using Microsoft.Win32.SafeHandles;
using ModelFs.Cache.Disk;

namespace ModelFs.Cache.Index;

/// <summary>The files of FASTER's log, read and written on a thread of our own.</summary>
/// <remarks>
/// FASTER waits for ever for a page that cannot be written. So a write never fails here: what the disk refuses is kept in memory, answers
/// reads, and is written again by <see cref="Sync"/>. While the disk is full no block is stored, so that the log hardly grows meanwhile.
/// What a manifest may speak of is written once: FASTER writes whole sectors, so that each flush begins with the last records of the former
/// one, whose headers its recovery has changed meanwhile; killed before the next manifest, the log would not be what this one says.
/// Segments that FASTER gives up are deleted by <see cref="DeleteRemoved"/>, once no manifest speaks of them.
/// </remarks>
internal sealed class IndexDevice : StorageDeviceBase
{
    private readonly WorkThreads thread = new("index-io", 1);
    private readonly Lock gate = new();
    private readonly Dictionary<int, SafeFileHandle> files = [];
    private readonly Dictionary<(int Segment, long Offset), byte[]> unwritten = [];
    private readonly HashSet<int> unsynced = [];
    private readonly List<int> removed = [];
    private long kept;

    public IndexDevice(string path)
        : base(path, 512, Devices.CAPACITY_UNSPECIFIED)
    {
    }

    public override void WriteAsync(nint source, int segment, ulong offset, uint count, DeviceIOCompletionCallback callback, object context) =>
        thread.Post(new Transfer(() =>
        {
            lock (gate)
            {
                long skipped = Math.Clamp(kept - segment * (long)IndexManifest.SegmentSize - (long)offset, 0, count);
                Write(segment, (long)offset + skipped, source + (nint)skipped, (int)(count - skipped));
            }

            callback(0, count, context);
        }));

    public override void ReadAsync(int segment, ulong offset, nint destination, uint count, DeviceIOCompletionCallback callback, object context) =>
        thread.Post(new Transfer(() =>
        {
            // A read that fails leaves zeros or old bytes: the record's own check makes them absent.
            lock (gate)
            {
                if (TryOpen(segment) is { } fd)
                    _ = Linux.pread(fd, destination, count, (long)offset);
                foreach (var ((s, at), data) in unwritten)
                {
                    long from = Math.Max(at, (long)offset), to = Math.Min(at + data.Length, (long)offset + count);
                    if (s == segment && from < to)
                        Marshal.Copy(data, (int)(from - at), destination + (nint)(from - (long)offset), (int)(to - from));
                }
            }

            callback(0, count, context);
        }));

    public override void RemoveSegmentAsync(int segment, AsyncCallback callback, IAsyncResult result)
    {
        lock (gate)
            removed.Add(segment);
        callback(result);
    }

    /// <summary>Nothing below this address is written from now on. All of it has been handed to this device.</summary>
    public void Keep(long end)
    {
        lock (gate)
            kept = end;
    }

    /// <summary>Writes what could not be written, and brings all to the disk. False when the disk still refuses. Reads go on while the disk takes its time.</summary>
    public bool Sync()
    {
        List<(int Segment, SafeFileHandle File)> written;
        lock (gate)
        {
            foreach (var (place, data) in unwritten.ToArray())
            {
                var pinned = GCHandle.Alloc(data, GCHandleType.Pinned);
                bool isWritten = TryWrite(place.Segment, place.Offset, pinned.AddrOfPinnedObject(), (uint)data.Length);
                pinned.Free();
                if (!isWritten)
                    return false;
                unwritten.Remove(place);
            }

            written = [.. unsynced.Select(segment => (segment, files[segment]))];
            unsynced.Clear();
        }

        bool isDurable = true;
        foreach (var (segment, file) in written)
        {
            if (Linux.SyncData((int)file.DangerousGetHandle()) == 0)
                continue;
            isDurable = false;
            lock (gate)
                unsynced.Add(segment);
        }

        return isDurable;
    }

    public void DeleteRemoved()
    {
        lock (gate)
        {
            foreach (int segment in removed)
            {
                if (files.Remove(segment, out var file))
                    file.Dispose();
                unsynced.Remove(segment);
                foreach (var place in unwritten.Keys.Where(place => place.Segment == segment).ToArray())
                    unwritten.Remove(place);
                File.Delete(SegmentPath(FileName, segment));
            }

            removed.Clear();
        }
    }

    public static string SegmentPath(string log, int segment) => $"{log}.{segment}";

    public override void Dispose()
    {
        thread.Close(TimeSpan.FromSeconds(2));
        lock (gate)
        {
            foreach (var file in files.Values)
                file.Dispose();
            files.Clear();
        }
    }

    private void Write(int segment, long offset, nint source, int count)
    {
        // The sector that it shares with a former write: that one comes to the disk later, if the disk refused it.
        foreach (var ((s, at), data) in unwritten)
        {
            long from = Math.Max(at, offset), to = Math.Min(at + data.Length, offset + count);
            if (s == segment && from < to)
                Marshal.Copy(source + (nint)(from - offset), data, (int)(from - at), (int)(to - from));
        }

        if (TryWrite(segment, offset, source, (uint)count))
            return;
        byte[] copy = new byte[count];
        Marshal.Copy(source, copy, 0, count);
        unwritten[(segment, offset)] = copy;
    }

    private bool TryWrite(int segment, long offset, nint source, uint count)
    {
        if (TryOpen(segment) is not { } fd)
            return false;
        unsynced.Add(segment);
        for (long done = 0; done < count;)
        {
            nint n = Linux.pwrite(fd, source + (nint)done, (nuint)(count - done), offset + done);
            if (n <= 0)
                return false;
            done += n;
        }

        return true;
    }

    private int? TryOpen(int segment)
    {
        if (!files.TryGetValue(segment, out var file))
        {
            try
            {
                file = File.OpenHandle(SegmentPath(FileName, segment), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                return null;
            }

            files.Add(segment, file);
        }

        return (int)file.DangerousGetHandle();
    }

    private sealed class Transfer(Action action) : IWork
    {
        public void Run() => action();
    }
}
