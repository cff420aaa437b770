using System.Buffers.Binary;
using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;
using ModelFs.Cache.Disk;

namespace ModelFs.Cache;

/// <summary>Gives each key a number that it keeps for ever, so that a node id can name it and a restarted daemon understands old ids.</summary>
/// <remarks>
/// An append-only file of records on a grid of 8 bytes; a key's number is its record's place on that grid. So a record that is lost shifts no
/// other, and a place is never used twice: what a torn write or a flipped bit spoiled is stepped over. Memory holds 16 bytes a key at most, not
/// the keys. Thread safe; a key that was used lately is found in memory without a lock, others cost one read of a file.
/// The cache disposes of it.
/// The first place tells people what the file is, and nothing depends on it: another layout takes another file name.
/// </remarks>
public sealed class OrdinalTable : IDisposable
{
    private const int Grid = 8; // so that 32 bits count 32 GiB of names
    private const int HeaderSize = 8; // length (4), CRC32C over length and key (4)
    private const int MaxKey = 64 * 1024;

    /// <summary>Keys kept whole in memory: the names a mount is busy with.</summary>
    private const int RecentKeys = 4096;

    private readonly Lock gate = new();
    private readonly OrdinalFile file;
    private readonly ILogger log;
    private readonly ConcurrentDictionary<uint, byte[]> recent = [];
    private readonly Queue<uint> recentOrder = new();
    private volatile ulong[] slots = new ulong[1024]; // hash above ordinal, 0 for none: written under the lock, read without
    private int count;
    private long end;

    private OrdinalTable(OrdinalFile file, ILogger log)
    {
        this.file = file;
        this.log = log;
    }

    /// <summary>Bytes of the file.</summary>
    internal long Bytes => Volatile.Read(ref end);

    /// <inheritdoc cref="OrdinalFile.IsStalled"/>
    internal bool IsStalled => file.IsStalled;

    internal static OrdinalTable Open(string path, ILogger log) => Open(path, log, file => new OrdinalFile(file, log));

    /// <param name="over">How the file is written and read once it is open.</param>
    internal static OrdinalTable Open(string path, ILogger log, Func<SafeFileHandle, OrdinalFile> over)
    {
        var file = File.OpenHandle(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.ReadWrite);
        RandomAccess.Write(file, "MODELFS1"u8, 0);
        var table = new OrdinalTable(over(file), log);
        table.Scan(file);
        return table;
    }

    /// <summary>The key's number, from 1 on. A new one is on its way to the disk, where <see cref="Settle"/> waits for it.</summary>
    /// <remarks>A name that the disk does not give back in time gets a second number, which is as good.</remarks>
    /// <exception cref="IOException">It is new, and too many wait for the disk.</exception>
    public uint GetOrAdd(ReadOnlySpan<byte> key)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(key.Length, MaxKey, nameof(key));
        uint hash = HashOf(key);
        if (Search(hash, key, inMemory: true) is var known and not 0)
            return known;
        lock (gate)
        {
            if (Search(hash, key, inMemory: false) is var found and not 0)
                return found;
            uint ordinal = checked((uint)(end / Grid));
            byte[] record = Encode(key);
            file.Append(end, record);
            Volatile.Write(ref end, end + record.Length);
            Insert(hash, ordinal);
            Remember(ordinal, key.ToArray());
            return ordinal;
        }
    }

    /// <summary>The key of a number, or null for a number that was never given.</summary>
    public byte[]? Find(uint ordinal)
    {
        if (recent.TryGetValue(ordinal, out byte[]? known))
            return [.. known];
        lock (gate)
            return ordinal == 0 ? null : Load(ordinal)?.AsSpan().ToArray();
    }

    /// <summary>Waits until new numbers are on disk, so that they outlive the process; a disk that refuses or hangs gets them later, from memory.</summary>
    public void Settle() => file.Settle();

    /// <summary>New numbers are written first, however long that takes.</summary>
    public void Dispose() => file.Dispose();

    /// <param name="inMemory">Looks at no file, and so needs no lock: what is not found may still be there.</param>
    private uint Search(uint hash, ReadOnlySpan<byte> key, bool inMemory)
    {
        ulong[] current = slots;
        ulong slot;
        for (int i = Home(hash, current); (slot = Volatile.Read(ref current[i])) != 0; i = i + 1 < current.Length ? i + 1 : 0)
        {
            if ((uint)(slot >> 32) != hash)
                continue;
            uint ordinal = (uint)slot;
            byte[]? found = inMemory ? recent.GetValueOrDefault(ordinal) : Load(ordinal);
            if (found is not null && key.SequenceEqual(found))
                return ordinal;
        }

        return 0;
    }

    private void Scan(SafeFileHandle file)
    {
        // A window that moves on when less than the largest record is left in it.
        byte[] window = new byte[1 << 20];
        long length = RandomAccess.GetLength(file), at = Grid, lost = -1;
        for (int from = 0, have = 0; at < length;)
        {
            if (have - from < HeaderSize + MaxKey && at + (have - from) < length)
            {
                window.AsSpan(from, have - from).CopyTo(window);
                (from, have) = (0, have - from);
                int n = RandomAccess.Read(file, window.AsSpan(have), at + have);
                have += n;
                length = n == 0 ? at + have : length;
            }

            int step = Grid;
            if (Decode(window.AsSpan(from, have - from)) is { } key)
            {
                if (lost >= 0)
                    Log.OrdinalsDamaged(log, lost, at - lost);
                lost = -1;
                Insert(HashOf(key), (uint)(at / Grid));
                step = Padded(HeaderSize + key.Length);
            }
            else if (lost < 0)
            {
                lost = at;
            }

            from = Math.Min(from + step, have);
            at += step;
        }

        if (lost >= 0)
            Log.OrdinalsDamaged(log, lost, length - lost);
        end = Math.Max(Grid, at);
    }

    private byte[]? Load(uint ordinal)
    {
        if (recent.TryGetValue(ordinal, out byte[]? known))
            return known;
        long offset = (long)ordinal * Grid;
        if (offset >= end)
            return null;
        byte[]? record = file.Waiting(offset);
        if (record is null && file.Read(HeaderSize, offset) is { } header && BinaryPrimitives.ReadInt32LittleEndian(header) is >= 0 and <= MaxKey and var length)
            record = file.Read(HeaderSize + length, offset);
        var key = record is null ? null : Decode(record);
        if (key is not null)
            Remember(ordinal, key);
        return key;
    }

    private void Insert(uint hash, uint ordinal)
    {
        // Slots of 8 bytes, between 53 and 80 in a hundred of them full: 10 to 15 bytes a key.
        if (++count * 5L > slots.Length * 4L)
        {
            ulong[] grown = new ulong[slots.Length + slots.Length / 2];
            foreach (ulong slot in slots)
            {
                if (slot != 0)
                    Place(grown, slot);
            }

            slots = grown;
        }

        Place(slots, ((ulong)hash << 32) | ordinal);
    }

    private static void Place(ulong[] table, ulong slot)
    {
        int i = Home((uint)(slot >> 32), table);
        while (table[i] != 0)
            i = i + 1 < table.Length ? i + 1 : 0;
        Volatile.Write(ref table[i], slot);
    }

    private static int Home(uint hash, ulong[] table) => (int)(((ulong)hash * (uint)table.Length) >> 32);

    private void Remember(uint ordinal, byte[] key)
    {
        if (recent.TryAdd(ordinal, key))
            recentOrder.Enqueue(ordinal);
        if (recentOrder.Count > RecentKeys)
            recent.TryRemove(recentOrder.Dequeue(), out _);
    }

    private static byte[] Encode(ReadOnlySpan<byte> key)
    {
        byte[] record = new byte[Padded(HeaderSize + key.Length)];
        BinaryPrimitives.WriteInt32LittleEndian(record, key.Length);
        key.CopyTo(record.AsSpan(HeaderSize));
        BinaryPrimitives.WriteUInt32LittleEndian(record.AsSpan(4), CheckOf(record.AsSpan(0, 4), key));
        return record;
    }

    private static byte[]? Decode(ReadOnlySpan<byte> record)
    {
        if (record.Length < HeaderSize)
            return null;
        int length = BinaryPrimitives.ReadInt32LittleEndian(record);
        if (length is < 0 or > MaxKey || length > record.Length - HeaderSize)
            return null;
        var key = record.Slice(HeaderSize, length);
        return BinaryPrimitives.ReadUInt32LittleEndian(record[4..]) == CheckOf(record[..4], key) ? key.ToArray() : null;
    }

    private static uint CheckOf(ReadOnlySpan<byte> length, ReadOnlySpan<byte> key) => BlockChecksum.Small(length) * 31 + BlockChecksum.Small(key);

    private static uint HashOf(ReadOnlySpan<byte> key)
    {
        ulong checksum = BlockChecksum.Compute(key);
        return (uint)(checksum >> 32) ^ (uint)checksum * 0x9E3779B1u;
    }

    private static int Padded(int length) => (length + Grid - 1) & ~(Grid - 1);
}
