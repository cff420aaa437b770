using System.Buffers.Binary;
using System.Text;

namespace ModelFs.Testing.Kernel;

/// <param name="Error">The errno, positive; 0 is success. In a notification: its code.</param>
public sealed record ScriptedReply(ulong Unique, int Error, byte[] Payload)
{
    public string Text => Encoding.UTF8.GetString(Payload);

    public uint U32(int at) => BinaryPrimitives.ReadUInt32LittleEndian(Payload.AsSpan(at));

    public ulong U64(int at) => BinaryPrimitives.ReadUInt64LittleEndian(Payload.AsSpan(at));

    /// <summary>The reply to LOOKUP.</summary>
    public ScriptedEntry Entry => ScriptedEntry.Parse(Payload);

    /// <summary>The reply to GETATTR: 16 bytes of validity, then struct fuse_attr.</summary>
    public ScriptedAttributes Attributes => ScriptedAttributes.Parse(Payload.AsSpan(16));

    /// <summary>The reply to OPEN and OPENDIR.</summary>
    public (ulong Handle, uint Flags) Open => (U64(0), U32(8));

    /// <summary>Of the reply to OPEN with FOPEN_PASSTHROUGH; else 0.</summary>
    public int BackingId => (int)U32(12);

    /// <summary>The reply to READDIR, or to READDIRPLUS.</summary>
    public IReadOnlyList<ScriptedDirectoryEntry> Directory(bool plus)
    {
        var entries = new List<ScriptedDirectoryEntry>();
        for (int at = 0; at < Payload.Length;)
        {
            ScriptedEntry? entry = plus ? ScriptedEntry.Parse(Payload.AsSpan(at)) : null;
            at += plus ? ScriptedEntry.Size : 0;
            int nameLength = (int)U32(at + 16);
            string name = Encoding.UTF8.GetString(Payload, at + 24, nameLength);
            entries.Add(new ScriptedDirectoryEntry(name, U64(at), (long)U64(at + 8), U32(at + 20), entry));
            at += (24 + nameLength + 7) / 8 * 8;
        }

        return entries;
    }
}

/// <summary>struct fuse_attr, without the three times' copies.</summary>
public sealed record ScriptedAttributes(ulong Inode, ulong Size, ulong Blocks, ulong Seconds, uint Nanoseconds, uint Mode, uint Links, uint Uid, uint Gid, uint BlockSize)
{
    public static ScriptedAttributes Parse(ReadOnlySpan<byte> bytes) => new(
        BinaryPrimitives.ReadUInt64LittleEndian(bytes),
        BinaryPrimitives.ReadUInt64LittleEndian(bytes[8..]),
        BinaryPrimitives.ReadUInt64LittleEndian(bytes[16..]),
        BinaryPrimitives.ReadUInt64LittleEndian(bytes[32..]),
        BinaryPrimitives.ReadUInt32LittleEndian(bytes[52..]),
        BinaryPrimitives.ReadUInt32LittleEndian(bytes[60..]),
        BinaryPrimitives.ReadUInt32LittleEndian(bytes[64..]),
        BinaryPrimitives.ReadUInt32LittleEndian(bytes[68..]),
        BinaryPrimitives.ReadUInt32LittleEndian(bytes[72..]),
        BinaryPrimitives.ReadUInt32LittleEndian(bytes[80..]));
}

/// <summary>struct fuse_entry_out.</summary>
public sealed record ScriptedEntry(ulong Node, ulong Generation, TimeSpan EntryTtl, TimeSpan AttributesTtl, ScriptedAttributes Attributes)
{
    public const int Size = 128;

    public static ScriptedEntry Parse(ReadOnlySpan<byte> bytes) => new(
        BinaryPrimitives.ReadUInt64LittleEndian(bytes),
        BinaryPrimitives.ReadUInt64LittleEndian(bytes[8..]),
        Ttl(bytes, 16, 32),
        Ttl(bytes, 24, 36),
        ScriptedAttributes.Parse(bytes[40..]));

    private static TimeSpan Ttl(ReadOnlySpan<byte> bytes, int seconds, int nanoseconds) => new(
        ((long)BinaryPrimitives.ReadUInt64LittleEndian(bytes[seconds..]) * TimeSpan.TicksPerSecond)
        + (BinaryPrimitives.ReadUInt32LittleEndian(bytes[nanoseconds..]) / 100));
}

/// <summary>struct fuse_dirent, or fuse_direntplus.</summary>
public sealed record ScriptedDirectoryEntry(string Name, ulong Inode, long Next, uint Type, ScriptedEntry? Entry);
