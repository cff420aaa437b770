using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using ModelFs.Cache.Disk;

namespace ModelFs.Cache.Index;

/// <summary>The log on the disk, a file a segment. Thread safe.</summary>
/// <remarks>
/// FASTER waits for ever for a page that cannot be written. So a write never fails: it is kept in memory, and answers reads, until the disk has
/// confirmed it. What the disk refuses, and what a sync that failed was about, is written again by the next <see cref="Sync"/>: a kernel tells an
/// error once and drops what it was about, so that a later success alone would confirm what is not there. With a checkpoint every two seconds
/// that is 16 MiB while the log is compacted, else hardly one. While the disk is full no block is stored, so that the log hardly grows.
/// </remarks>
/// <param name="syncData">Brings a file's data to the disk: 0, or the errno.</param>
internal sealed class IndexFiles(string path, Func<SafeFileHandle, int> syncData) : IDisposable
{
    private readonly Lock gate = new();
    private readonly Dictionary<int, SafeFileHandle> files = [];
    private readonly Dictionary<(int Segment, long Offset), Piece> unconfirmed = [];
    private readonly List<int> removed = [];

    public IndexFiles(string path)
        : this(path, static file => Linux.SyncData((int)file.DangerousGetHandle()))
    {
    }

    public static string SegmentPath(string log, int segment) => $"{log}.{segment}";

    /// <summary>One that begins where a former one did is no shorter.</summary>
    public void Write(int segment, long offset, nint source, int count)
    {
        if (count == 0)
            return;
        var piece = new Piece(new byte[count]);
        Marshal.Copy(source, piece.Data, 0, count);
        lock (gate)
        {
            // The sector that it shares with a former write: that one may be written again later.
            foreach (var (former, inside, within, length) in Overlaps(segment, offset, count))
                piece.Data.AsSpan(within, length).CopyTo(former.Data.AsSpan(inside));

            unconfirmed[(segment, offset)] = piece;
            TryWrite(segment, offset, piece);
        }
    }

    /// <summary>A read that fails leaves zeros or old bytes: the record's own check makes them absent.</summary>
    public void Read(int segment, long offset, nint destination, int count)
    {
        lock (gate)
        {
            if (TryOpen(segment) is { } fd)
                _ = Linux.pread(fd, destination, (nuint)count, offset);
            foreach (var (piece, inside, within, length) in Overlaps(segment, offset, count))
                Marshal.Copy(piece.Data, inside, destination + within, length);
        }
    }

    /// <summary>Takes note that a segment is not needed any more but by the last manifest.</summary>
    public void Remove(int segment)
    {
        lock (gate)
            removed.Add(segment);
    }

    /// <summary>Deletes what was removed, once no manifest speaks of it.</summary>
    public void DeleteRemoved()
    {
        lock (gate)
        {
            foreach (int segment in removed)
            {
                if (files.Remove(segment, out var file))
                    file.Dispose();
                foreach (var place in unconfirmed.Keys.Where(place => place.Segment == segment).ToArray())
                    unconfirmed.Remove(place);
                File.Delete(SegmentPath(path, segment));
            }

            removed.Clear();
        }
    }

    /// <summary>Writes what is not written, and brings all to the disk. False when the disk still refuses. Reads go on while the disk takes its time. One call at a time.</summary>
    public bool Sync()
    {
        ILookup<SafeFileHandle, KeyValuePair<(int Segment, long Offset), Piece>> written;
        lock (gate)
        {
            foreach (var (place, piece) in unconfirmed)
            {
                if (!piece.IsWritten && !TryWrite(place.Segment, place.Offset, piece))
                    return false;
            }

            written = unconfirmed.ToLookup(item => files[item.Key.Segment]);
        }

        bool isDurable = true;
        foreach (var pieces in written)
        {
            bool isConfirmed = syncData(pieces.Key) == 0;
            isDurable &= isConfirmed;
            lock (gate)
                Synced(pieces, isConfirmed);
        }

        return isDurable;
    }

    public void Dispose()
    {
        lock (gate)
        {
            foreach (var file in files.Values)
                file.Dispose();
            files.Clear();
        }
    }

    /// <summary>The pieces that lie over a range: from where in the piece, from where in the range, and how much. Some dozens at most are looked at.</summary>
    private IEnumerable<(Piece Piece, int Inside, int Within, int Length)> Overlaps(int segment, long offset, int count)
    {
        foreach (var ((s, at), piece) in unconfirmed)
        {
            long from = Math.Max(at, offset), to = Math.Min(at + piece.Data.Length, offset + count);
            if (s == segment && from < to)
                yield return (piece, (int)(from - at), (int)(from - offset), (int)(to - from));
        }
    }

    private void Synced(IGrouping<SafeFileHandle, KeyValuePair<(int Segment, long Offset), Piece>> pieces, bool isConfirmed)
    {
        foreach (var (place, piece) in pieces)
        {
            // What was written there meanwhile is another piece, and waits for the next sync.
            if (isConfirmed && unconfirmed.TryGetValue(place, out var latest) && latest == piece)
                unconfirmed.Remove(place);
        }

        // The error may be about what was written meanwhile, too.
        int segment = pieces.First().Key.Segment;
        foreach (var (place, piece) in unconfirmed)
            piece.IsWritten &= isConfirmed || place.Segment != segment;
    }

    private bool TryWrite(int segment, long offset, Piece piece)
    {
        if (TryOpen(segment) is not { } fd)
            return false;
        var pinned = GCHandle.Alloc(piece.Data, GCHandleType.Pinned);
        try
        {
            for (int done = 0; done < piece.Data.Length;)
            {
                nint n = Linux.pwrite(fd, pinned.AddrOfPinnedObject() + done, (nuint)(piece.Data.Length - done), offset + done);
                if (n <= 0)
                    return false;
                done += (int)n;
            }
        }
        finally
        {
            pinned.Free();
        }

        return piece.IsWritten = true;
    }

    private int? TryOpen(int segment)
    {
        if (!files.TryGetValue(segment, out var file))
        {
            try
            {
                file = File.OpenHandle(SegmentPath(path, segment), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                return null;
            }

            files.Add(segment, file);
        }

        return (int)file.DangerousGetHandle();
    }

    /// <summary>What was written to a place, until the disk has confirmed it.</summary>
    private sealed class Piece(byte[] data)
    {
        public byte[] Data => data;

        /// <summary>The kernel has it, and no sync has failed since.</summary>
        public bool IsWritten { get; set; }
    }
}
