using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;

namespace ModelFs.Cache.Disk;

/// <summary>The records of an <see cref="OrdinalTable"/> on the disk: written on a thread of their own, and in memory until they are.</summary>
/// <remarks>
/// Who asks for a name waits for a disk that hangs once, and not at all until it answers again. Thread safe but for <see cref="Read"/>:
/// one call at a time.
/// </remarks>
/// <param name="write">Writes all of some neighbours at an offset; throws what the disk says.</param>
/// <param name="read">Reads at an offset; less than asked at the end of the file.</param>
/// <param name="isCached">Whether reads may look into the page cache first.</param>
internal sealed class OrdinalFile(SafeFileHandle file, ILogger log, OrdinalFile.WriteAt write, OrdinalFile.ReadAt read, bool isCached) : IDisposable
{
    /// <summary>Some 300,000 names. More of them cannot be numbered while the disk takes none: their memory would have no end.</summary>
    private const long MostWaiting = 32 << 20;

    private const int MostAtOnce = 1 << 20;

    private readonly WorkThreads writer = new("ordinals-write", 1);
    private readonly WorkThreads reader = new("ordinals-read", 1);
    private readonly SortedDictionary<long, byte[]> waiting = [];
    private readonly byte[] cached = GC.AllocateUninitializedArray<byte>(4096, pinned: true);
    private long waitingBytes;
    private bool isWriting;
    private bool isFaulty;

    public OrdinalFile(SafeFileHandle file, ILogger log)
        : this(
            file,
            log,
            (records, offset) => RandomAccess.Write(file, records, offset),
            (target, offset) => RandomAccess.Read(file, target, offset),
            isCached: true)
    {
    }

    public delegate void WriteAt(IReadOnlyList<ReadOnlyMemory<byte>> records, long offset);

    public delegate int ReadAt(Span<byte> target, long offset);

    /// <summary>The disk has not taken a record for seconds.</summary>
    public bool IsStalled => writer.IsStalled;

    /// <summary>Begins to write a record, and what a faulty disk refused before.</summary>
    /// <exception cref="IOException">Too many wait for the disk.</exception>
    public void Append(long offset, byte[] record)
    {
        lock (waiting)
        {
            if (waitingBytes + record.Length > MostWaiting)
                throw new IOException($"the cache's disk has not taken the last {waiting.Count} new names");
            waiting.Add(offset, record);
            waitingBytes += record.Length;
            if (!isWriting)
                isWriting = writer.Post(new Round(this));
        }
    }

    /// <summary>Waits until what was appended is written, or the disk has refused it, or hangs.</summary>
    public void Settle()
    {
        lock (waiting)
        {
            long end = Environment.TickCount64 + (long)WorkThreads.Patience.TotalMilliseconds;
            while (isWriting && !writer.IsStalled && end - Environment.TickCount64 is > 0 and var left)
                Monitor.Wait(waiting, (int)left);
        }
    }

    /// <summary>The record that begins at an offset and is not written yet.</summary>
    public byte[]? Waiting(long offset)
    {
        lock (waiting)
            return waiting.GetValueOrDefault(offset);
    }

    /// <summary>Reads what is written. Null where that is less, and when the disk refuses or hangs.</summary>
    public byte[]? Read(int count, long offset)
    {
        if (TryReadCached(count, offset))
            return cached[..count];
        if (reader.IsStalled)
            return null;
        var reading = reader.RunAsync(() =>
        {
            byte[] target = new byte[count];
            return read(target, offset) == count ? target : null;
        });
        try
        {
            return reading.Wait(WorkThreads.Patience) ? reading.Result : null;
        }
        catch (AggregateException e) when (e.InnerException is IOException)
        {
            return null;
        }
    }

    /// <summary>What was appended is written first, however long that takes.</summary>
    public void Dispose()
    {
        writer.Close();
        reader.Close();
        file.Dispose();
    }

    /// <summary>Where the page cache has it, as it mostly does, nobody else is asked: 100,000 names of a listing are as many reads.</summary>
    private bool TryReadCached(int count, long offset)
    {
        if (!isCached || count > cached.Length)
            return false;
        var vector = new Linux.IoVector { Base = Marshal.UnsafeAddrOfPinnedArrayElement(cached, 0), Length = count };
        return Linux.preadv2((int)file.DangerousGetHandle(), ref vector, 1, offset, Linux.NoWait) == count;
    }

    /// <summary>Whether there is more to write, and the disk took this.</summary>
    private bool Write()
    {
        long offset = -1, end = -1;
        var records = new List<ReadOnlyMemory<byte>>();
        lock (waiting)
        {
            foreach (var (at, record) in waiting)
            {
                if (offset < 0)
                    offset = end = at;
                if (at != end || end - offset >= MostAtOnce)
                    break;
                records.Add(record);
                end += record.Length;
            }
        }

        string? fault = null;
        try
        {
            if (records.Count > 0)
                write(records, offset);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            fault = e.Message;
        }

        lock (waiting)
        {
            if (fault is null)
            {
                foreach (var written in records)
                {
                    waiting.Remove(offset);
                    waitingBytes -= written.Length;
                    offset += written.Length;
                }
            }
            else if (!isFaulty)
            {
                Log.OrdinalsNotStored(log, fault);
            }

            isFaulty = fault is not null;
            isWriting = fault is null && waiting.Count > 0;
            Monitor.PulseAll(waiting);
            return isWriting;
        }
    }

    private sealed class Round(OrdinalFile file) : IWork
    {
        public void Run()
        {
            // Each round by itself, so that a long queue is not taken for a hang; one that is closed writes what is left at once.
            while (file.Write() && !file.writer.Post(this));
        }
    }
}
