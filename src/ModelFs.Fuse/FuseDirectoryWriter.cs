using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using ModelFs.Fuse.Protocol;
using ModelFs.Fuse.Session;

namespace ModelFs.Fuse;

/// <summary>Collects directory entries into one READDIR or READDIRPLUS reply.</summary>
public sealed class FuseDirectoryWriter
{
    /// <summary>NAME_MAX. The kernel takes longer names from a directory, but no program can open them.</summary>
    private const int LongestName = 255;

    private readonly LazyBuffer buffer;
    private Memory<byte> destination;

    internal FuseDirectoryWriter(LazyBuffer buffer) => this.buffer = buffer;

    /// <summary>Whether the kernel takes attributes with the names (READDIRPLUS). Each entry with a node id that is added counts as a lookup.</summary>
    public bool WantsAttributes { get; private set; }

    /// <summary>Whether an entry was refused because the reply is full.</summary>
    internal bool IsFull { get; private set; }

    internal int Length { get; private set; }

    internal ReadOnlySpan<byte> Written => Length == 0 ? default : buffer.GetSpan()[..Length];

    /// <summary>Adds a name. With READDIRPLUS it is listed without attributes, and the kernel looks it up when it needs them.</summary>
    /// <param name="name">1 to 255 bytes without a slash.</param>
    /// <param name="next">The offset that continues after this entry.</param>
    /// <returns>False when the reply is full: the entry was not added.</returns>
    public bool TryAdd(ReadOnlySpan<byte> name, ulong inode, FuseFileType type, long next) => TryAdd(name, default, inode, type, next);

    /// <summary>Adds a name with its attributes. With plain READDIR the same as the other overload.</summary>
    /// <remarks><c>.</c> and <c>..</c> go out without attributes: the kernel does not count a lookup for them.</remarks>
    public bool TryAdd(ReadOnlySpan<byte> name, in FuseEntry entry, long next)
    {
        bool isDots = name.SequenceEqual("."u8) || name.SequenceEqual(".."u8);
        EntryOut encoded = WantsAttributes && !isDots ? ReplyEncoder.Entry(entry) : default;
        return TryAdd(name, encoded, entry.Attributes.Inode, entry.Attributes.Type, next);
    }

    internal void Begin(int size, bool wantsAttributes)
    {
        destination = buffer.Lend(Math.Min(size, buffer.Capacity));
        WantsAttributes = wantsAttributes;
        IsFull = false;
        Length = 0;
    }

    /// <summary>The node ids that a READDIRPLUS reply gave a lookup each.</summary>
    internal IEnumerable<ulong> LookedUpNodes()
    {
        if (!WantsAttributes)
            yield break;

        for (int at = 0; at < Length;)
        {
            ReadOnlySpan<byte> rest = destination.Span[at..];
            var entry = MemoryMarshal.Read<EntryOut>(rest);
            var name = MemoryMarshal.Read<DirEntry>(rest[Unsafe.SizeOf<EntryOut>()..]);
            at += EntrySize((int)name.NameLength);
            if (entry.Node != 0)
                yield return entry.Node;
        }
    }

    private bool TryAdd(ReadOnlySpan<byte> name, in EntryOut entry, ulong inode, FuseFileType type, long next)
    {
        // The kernel answers a whole listing with EIO for one such name, without saying which.
        if (name.IsEmpty || name.Length > LongestName || name.Contains((byte)'/'))
            throw new ArgumentException($"not a file name: {System.Text.Encoding.UTF8.GetString(name)}", nameof(name));

        int size = EntrySize(name.Length);
        if (IsFull || size > destination.Length - Length)
        {
            IsFull = true;
            return false;
        }

        Span<byte> target = destination.Span.Slice(Length, size);
        Length += size;
        if (WantsAttributes)
        {
            MemoryMarshal.Write(target, entry);
            target = target[Unsafe.SizeOf<EntryOut>()..];
        }

        MemoryMarshal.Write(target, new DirEntry { Inode = inode, NextOffset = (ulong)next, NameLength = (uint)name.Length, Type = (uint)type });
        target = target[DirEntry.Size..];
        name.CopyTo(target);
        target[name.Length..].Clear();
        return true;
    }

    private int EntrySize(int nameLength) =>
        (WantsAttributes ? Unsafe.SizeOf<EntryOut>() : 0) + ((DirEntry.Size + nameLength + 7) & ~7);
}
