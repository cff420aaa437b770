using Microsoft.Extensions.Logging;

namespace ModelFs.Cache.Space;

/// <summary>The names of the objects, in a file beside the index; memory holds a hash of 8 bytes a name, 10 to 15 with its place in a table, to know which are in it.</summary>
/// <remarks>
/// Records are appended on a grid of 8 bytes: length (4), CRC32C over what follows (4), key (16), owner, a zero byte, name. What a torn write or
/// a flipped bit spoiled is stepped over and costs that name until the object is opened again. The file is rewritten without the names
/// of objects that are gone when more than half of it may be such. Nobody who opens an object waits for the disk.
/// </remarks>
internal sealed class Labels(string path, ILogger log)
{
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
        byte[] record = Label.Encode(key, owner, name);
        if (record.Length > Label.MaxRecord)
            return;
        lock (gate)
        {
            if (pending.Count < MostPending && (known.Add(Label.HashOf(record)) || isCompacting))
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
                long end = Label.Padded(RandomAccess.GetLength(file));
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

    /// <summary>All names that are written by now, in the order in which they came. The file is read as they are asked for, and nobody waits for whoever asks.</summary>
    public IEnumerable<Label> Read(Func<Label, bool> wanted)
    {
        using var reader = TryOpen();
        while (reader is not null && TryNext(reader, out var label))
        {
            if (wanted(label))
                yield return label;
        }
    }

    /// <summary>Reads the file once after a start.</summary>
    /// <param name="see">Is told each name.</param>
    public void Load(Action<Label> see)
    {
        lock (writing)
        {
            int found = 0;
            using var reader = TryOpen();
            while (reader is not null && TryNext(reader, out var label))
            {
                found++;
                lock (gate)
                    known.Add(label.Hash);
                see(label);
            }

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
                        // What was noted meanwhile may have been written before.
                        pending.RemoveAll(record => !alive.Add(Label.HashOf(record)));
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
            using var reader = Open();
            while (reader?.TryNext(out var label) == true)
            {
                if (isAlive(label.Key) && alive.Add(label.Hash))
                    file.Write(reader.Record);
            }

            Volatile.Write(ref bytes, file.Length);
        }

        File.Move(temporary, path, overwrite: true);
        records = alive.Count;
    }

    /// <summary>The names that are in the file now; null where there is none.</summary>
    private LabelReader? Open()
    {
        lock (writing)
        {
            if (!File.Exists(path))
                return null;
            var reader = new LabelReader(path, log);
            Volatile.Write(ref bytes, reader.Length);
            return reader;
        }
    }

    /// <summary>What cannot be read is not known.</summary>
    private LabelReader? TryOpen()
    {
        try
        {
            return Open();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Log.LabelsUnreadable(log, path, e.Message);
            return null;
        }
    }

    private bool TryNext(LabelReader reader, out Label label)
    {
        try
        {
            return reader.TryNext(out label);
        }
        catch (IOException e)
        {
            Log.LabelsUnreadable(log, path, e.Message);
            label = default;
            return false;
        }
    }

    private void Refused(string reason)
    {
        if (!isFaulty)
            Log.LabelsNotStored(log, reason);
        isFaulty = true;
    }
}
