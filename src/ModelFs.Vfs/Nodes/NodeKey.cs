using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace ModelFs.Vfs.Nodes;

internal enum NodeKind : byte
{
    Registry = 1,
    Model = 2,

    /// <summary>An alias, or <c>latest</c>.</summary>
    Link = 3,

    /// <summary>The directory of a version.</summary>
    Version = 4,

    /// <summary>What is below it, by a certain manifest.</summary>
    Content = 5,

    /// <summary>A directory of a tree of files: its path stands where a model's name does.</summary>
    TreeDirectory = 6,

    /// <summary>One content of a file of a tree: path, validator, time of the last change (0 for none), and size + 1 (0 for none) in the fingerprint's place.</summary>
    TreeFile = 7,
}

/// <summary>What an ordinal stands for. Its bytes lie in the ordinal table for ever: fields are only ever added to the end.</summary>
/// <param name="Registry">The registry's configured name.</param>
/// <param name="Model">The model, where there is one.</param>
/// <param name="Name">The alias or the version, where there is one.</param>
/// <param name="Created">When the version was created, in UTC.</param>
/// <param name="Fingerprint">
/// Of the manifest, for <see cref="NodeKind.Content"/>: should it be lost and the registry give another one, an old id must not name another file.
/// </param>
internal readonly record struct NodeKey(
    NodeKind Kind, string Registry, string Model = "", string Name = "", DateTimeOffset Created = default, UInt128 Fingerprint = default)
{
    private const int FixedLength = 1 + 8 + 16;

    public ContentKey Content => new(Model, Name, Created);

    public byte[] Encode()
    {
        var bytes = new ArrayBufferWriter<byte>(128);
        var head = bytes.GetSpan(FixedLength);
        head[0] = (byte)Kind;
        BinaryPrimitives.WriteInt64LittleEndian(head[1..], Created.UtcTicks);
        BinaryPrimitives.WriteUInt128LittleEndian(head[9..], Fingerprint);
        bytes.Advance(FixedLength);
        foreach (var field in (ReadOnlySpan<string>)[Registry, Model, Name])
        {
            BinaryPrimitives.WriteUInt16LittleEndian(bytes.GetSpan(2), checked((ushort)Encoding.UTF8.GetByteCount(field)));
            bytes.Advance(2);
            Encoding.UTF8.GetBytes(field, bytes);
        }

        return bytes.WrittenSpan.ToArray();
    }

    /// <returns>False for what this version of the program does not understand.</returns>
    public static bool TryDecode(ReadOnlySpan<byte> bytes, out NodeKey key)
    {
        key = default;
        if (bytes.Length < FixedLength || bytes[0] is < (byte)NodeKind.Registry or > (byte)NodeKind.TreeFile)
            return false;
        var ticks = BinaryPrimitives.ReadInt64LittleEndian(bytes[1..]);
        var rest = bytes[FixedLength..];
        if (ticks is < 0 or > 3155378975999999999 || !TryField(ref rest, out var registry) || !TryField(ref rest, out var model) || !TryField(ref rest, out var name))
            return false;
        key = new NodeKey(
            (NodeKind)bytes[0], registry, model, name, new DateTimeOffset(ticks, TimeSpan.Zero), BinaryPrimitives.ReadUInt128LittleEndian(bytes[9..]));
        return true;
    }

    private static bool TryField(ref ReadOnlySpan<byte> rest, out string field)
    {
        field = "";
        if (rest.Length < 2)
            return false;
        var length = BinaryPrimitives.ReadUInt16LittleEndian(rest);
        if (rest.Length < 2 + length)
            return false;
        field = Encoding.UTF8.GetString(rest.Slice(2, length));
        rest = rest[(2 + length)..];
        return true;
    }
}
