using System.Buffers.Binary;
using System.Text;
using Microsoft.Extensions.Logging;
using ModelFs.Cache.Disk;

namespace ModelFs.Cache.Space;

/// <summary>What people call an object: a registry and a path in it. An object that several versions share has several.</summary>
internal readonly record struct Label(ObjectKey Key, string Owner, string Name)
{
    public string Path => $"{Owner}/{Name}";
}

/// <summary>The names of the objects, in a file beside the index; memory holds a hash of 8 bytes a name, 10 to 15 with its place in a table, to know which are in it.</summary>
/// <remarks>
/// Records are appended on a grid of 8 bytes: length (4), CRC32C over what follows (4), key (16), owner, a zero byte, name. What a torn write or
/// a flipped bit spoiled is stepped over and costs that name until the object is opened again. The file is rewritten without the names
/// of objects that are gone when more than half of it may be such. Nobody who opens an object waits for the disk.
/// </remarks>
internal sealed class Labels(string path, ILogger log)
{
    private const int Grid = 8;
    private const int HeaderSize = 8;
    private const int KeySize = 16;
    private const int MaxRecord = 64 * 1024;

    /// <summary>Names that wait for a disk that refuses: more of them are not worth their memory.</summary>
    private const int MostPending = 10_000;

    /// <summary>A file of fewer dead records is left as it is.</summary>
    private const int Tolerated = 4096;

    private readonly Lock gate = new();
    private readonly Lock writing = new();
    private List<byte[]> pending = [];
    private HashSet64 known = new();
    private bool isCompacting;
    private bool isFaulty;
    private long records;
    private long kept;
    private long bytes;

    /// <summary>Bytes of the file.</summary>
    public long Bytes => Volatile.Read(ref bytes);

    /// <summary>Takes a name down, to be written by the next <see cref="Flush"/>.</summary>
    public void Note(ObjectKey key, string owner, string name)
    {
        byte[] record = Encode(key, owner, name);
        if (record.Length > MaxRecord)
            return;
        lock (gate)
        {
            if (pending.Count < MostPending && (known.Add(HashOf(record)) || isCompacting))
                pending.Add(record);
        }
    }

    /// <summary>Appends what was noted.</summary>
    public void Flush()
    {
        List<byte[]> waiting;
        lock (writing)
        {
            lock (gate)
            {
                if (pending.Count == 0)
                    return;
                (waiting, pending) = (pending, []);
            }

            try
            {
                using var file = File.OpenHandle(path, FileMode.OpenOrCreate, FileAccess.Write, FileShare.ReadWrite);
                long end = Padded(RandomAccess.GetLength(file));
                RandomAccess.Write(file, waiting.ConvertAll(r => (ReadOnlyMemory<byte>)r), end);
                records += waiting.Count;
                Volatile.Write(ref bytes, end + waiting.Sum(r => (long)r.Length));
                isFaulty = false;
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                Refused(e.Message);
                lock (gate)
                    pending.InsertRange(0, waiting);
            }
        }
    }

    /// <summary>All names that are written, in the order in which they came.</summary>
    public List<Label> Read(Func<Label, bool> wanted)
    {
        var labels = new List<Label>();
        lock (writing)
        {
            TryScan((in label, _) =>
            {
                if (wanted(label))
                    labels.Add(label);
            });
        }

        return labels;
    }

    /// <summary>Reads the file once after a start.</summary>
    /// <param name="see">Is told each name.</param>
    public void Load(Action<Label> see)
    {
        lock (writing)
        {
            int found = 0;
            TryScan((in label, record) =>
            {
                found++;
                lock (gate)
                    known.Add(HashOf(record));
                see(label);
            });
            records = kept = found;
        }
    }

    /// <summary>Drops the names of objects that are gone, when they may be more than half.</summary>
    /// <param name="objects">How many objects there are: right after a start, the only measure of what is dead. Null later.</param>
    public void Compact(Func<ObjectKey, bool> isAlive, int? objects)
    {
        lock (writing)
        {
            if (records <= 2 * Math.Min(kept, objects ?? kept) + Tolerated)
                return;
            lock (gate)
                isCompacting = true;
            var alive = new HashSet64();
            try
            {
                Rewrite(isAlive, alive);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                Refused(e.Message);
                alive = new HashSet64();
            }
            finally
            {
                kept = alive.Count > 0 ? alive.Count : records;
                lock (gate)
                {
                    isCompacting = false;
                    if (records == alive.Count)
                    {
                        pending.ForEach(record => alive.Add(HashOf(record)));
                        known = alive;
                    }
                }
            }
        }
    }

    private void Rewrite(Func<ObjectKey, bool> isAlive, HashSet64 alive)
    {
        string temporary = path + ".tmp";
        using (var file = new FileStream(temporary, FileMode.Create, FileAccess.Write, FileShare.None, 1 << 16))
        {
            Scan((in label, record) =>
            {
                if (isAlive(label.Key) && alive.Add(HashOf(record)))
                    file.Write(record);
            });
            Volatile.Write(ref bytes, file.Length);
        }

        File.Move(temporary, path, overwrite: true);
        records = alive.Count;
    }

    /// <summary>What cannot be read is not known.</summary>
    private void TryScan(Seen see)
    {
        try
        {
            Scan(see);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Log.LabelsUnreadable(log, path, e.Message);
        }
    }

    private void Scan(Seen see)
    {
        if (!File.Exists(path))
            return;
        byte[] file = new byte[1 << 20];
        using (var handle = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite))
        {
            long length = RandomAccess.GetLength(handle), at = 0, damaged = 0;
            Volatile.Write(ref bytes, length);
            // A window that moves on when less than the largest record is left in it.
            for (int have = 0, from = 0; at < length;)
            {
                if (have - from < MaxRecord + Grid && at + (have - from) < length)
                {
                    file.AsSpan(from, have - from).CopyTo(file);
                    (have, from) = (have - from, 0);
                    int n = RandomAccess.Read(handle, file.AsSpan(have), at + have);
                    have += n;
                    if (n == 0)
                        length = at + have;
                }

                int size = Decode(file.AsSpan(from, have - from), out var label);
                if (size > 0)
                    see(label, file.AsSpan(from, size));
                else
                    (size, damaged) = (Grid, damaged + Grid);
                from += size;
                at += size;
                if (from > have)
                    break;
            }

            if (damaged > 0)
                Log.LabelsDamaged(log, path, damaged);
        }
    }

    private void Refused(string reason)
    {
        if (!isFaulty)
            Log.LabelsNotStored(log, reason);
        isFaulty = true;
    }

    private static byte[] Encode(ObjectKey key, string owner, string name)
    {
        int length = KeySize + Encoding.UTF8.GetByteCount(owner) + 1 + Encoding.UTF8.GetByteCount(name);
        byte[] record = new byte[Padded(HeaderSize + length)];
        var body = record.AsSpan(HeaderSize, length);
        BinaryPrimitives.WriteUInt128LittleEndian(body, key.Value);
        int at = KeySize + Encoding.UTF8.GetBytes(owner, body[KeySize..]);
        Encoding.UTF8.GetBytes(name, body[(at + 1)..]);
        BinaryPrimitives.WriteInt32LittleEndian(record, length);
        BinaryPrimitives.WriteUInt32LittleEndian(record.AsSpan(4), BlockChecksum.Small(body));
        return record;
    }

    /// <summary>Bytes of the record on the grid, or 0 where there is none.</summary>
    private static int Decode(ReadOnlySpan<byte> record, out Label label)
    {
        label = default;
        if (record.Length < HeaderSize)
            return 0;
        int length = BinaryPrimitives.ReadInt32LittleEndian(record);
        if (length is <= KeySize or > MaxRecord || Padded(HeaderSize + length) > record.Length)
            return 0;
        var body = record.Slice(HeaderSize, length);
        int end = body[KeySize..].IndexOf((byte)0);
        if (end < 0 || BinaryPrimitives.ReadUInt32LittleEndian(record[4..]) != BlockChecksum.Small(body))
            return 0;
        label = new Label(
            new ObjectKey(BinaryPrimitives.ReadUInt128LittleEndian(body)),
            Encoding.UTF8.GetString(body.Slice(KeySize, end)),
            Encoding.UTF8.GetString(body[(KeySize + end + 1)..]));
        return Padded(HeaderSize + length);
    }

    private delegate void Seen(in Label label, ReadOnlySpan<byte> record);

    private static ulong HashOf(ReadOnlySpan<byte> record) => BlockChecksum.Compute(record);

    private static int Padded(int length) => (length + Grid - 1) & ~(Grid - 1);

    private static long Padded(long length) => (length + Grid - 1) & ~(Grid - 1L);
}
