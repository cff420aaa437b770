using System.Text;

namespace ModelFs.Fuse.Tests;

/// <summary>A whole filesystem: a directory with one file and one link to it.</summary>
public sealed class HelloFileSystem : FuseFileSystem
{
    private const ulong FileNode = 2;
    private const ulong LinkNode = 3;
    private static readonly byte[] Text = Encoding.UTF8.GetBytes("Hello, world\n");
    private static readonly TimeSpan Ttl = TimeSpan.FromSeconds(1);

    public override ValueTask<FuseResult<FuseEntry>> LookupAsync(FuseRequest request, ulong parent, ReadOnlySpan<byte> name)
    {
        if (name.SequenceEqual("hello.txt"u8))
            return new(Entry(FileNode));
        if (name.SequenceEqual("link"u8))
            return new(Entry(LinkNode));
        return new(FuseEntry.Absent(Ttl));
    }

    public override ValueTask<FuseResult<FuseAttributesReply>> GetAttributesAsync(FuseRequest request, ulong node) =>
        new(new FuseAttributesReply(Attributes(node), Ttl));

    public override ValueTask<FuseResult<ReadOnlyMemory<byte>>> ReadLinkAsync(FuseRequest request, ulong node) =>
        new((ReadOnlyMemory<byte>)"hello.txt"u8.ToArray());

    public override ValueTask<FuseResult<int>> ReadAsync(FuseRequest request, ulong node, ulong handle, long offset, Memory<byte> destination)
    {
        ReadOnlySpan<byte> rest = Text.AsSpan((int)Math.Min(offset, Text.Length));
        rest = rest[..Math.Min(rest.Length, destination.Length)];
        rest.CopyTo(destination.Span);
        return new(rest.Length);
    }

    public override ValueTask<FuseResult<Unit>> ReadDirectoryAsync(FuseRequest request, ulong node, ulong handle, long offset, FuseDirectoryWriter writer)
    {
        bool more = offset > 0 || writer.TryAdd("."u8, RootNode, FuseFileType.Directory, 1);
        more = more && (offset > 1 || writer.TryAdd(".."u8, RootNode, FuseFileType.Directory, 2));
        more = more && (offset > 2 || writer.TryAdd("hello.txt"u8, Entry(FileNode), 3));
        _ = more && (offset > 3 || writer.TryAdd("link"u8, Entry(LinkNode), 4));
        return new(default(Unit));
    }

    private static FuseEntry Entry(ulong node) => new(node, Attributes(node), Ttl, Ttl);

    private static FuseAttributes Attributes(ulong node) => node switch
    {
        FileNode => new(node, FuseFileType.Regular, 0b100_100_100, Text.Length, TimeNanoseconds: 1_700_000_000_000_000_000),
        LinkNode => new(node, FuseFileType.SymbolicLink, 0b111_111_111, "hello.txt".Length, 0),
        _ => new(node, FuseFileType.Directory, 0b101_101_101, 0, 0, Links: 2),
    };
}
