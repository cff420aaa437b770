namespace ModelFs.Fuse.Tests.Mounting;

/// <summary>Files whose name begins with <c>hung</c> or <c>direct</c> are never read to an end; others hold 4 MiB of <c>x</c>. Directly read ones bypass the page cache.</summary>
internal sealed class HangingFileSystem : FuseFileSystem
{
    private const ulong HungNode = 1000;
    private const ulong DirectNode = 2000;

    /// <summary>Several requests long: the kernel reads it ahead in the background, which is what is limited.</summary>
    private const int Size = 4 << 20;

    private static readonly TimeSpan Ttl = TimeSpan.FromHours(1);

    private int waiting;
    private ulong lastNode;

    public int Waiting => Volatile.Read(ref waiting);

    public override ValueTask<FuseResult<FuseEntry>> LookupAsync(FuseRequest request, ulong parent, ReadOnlySpan<byte> name)
    {
        ulong first = name.StartsWith("hung"u8) ? HungNode : name.StartsWith("direct"u8) ? DirectNode : 2;
        ulong node = first + Interlocked.Increment(ref lastNode);
        return new(new FuseEntry(node, Attributes(node), Ttl, Ttl));
    }

    public override ValueTask<FuseResult<FuseAttributesReply>> GetAttributesAsync(FuseRequest request, ulong node) =>
        new(new FuseAttributesReply(Attributes(node), Ttl));

    public override ValueTask<FuseResult<FuseOpen>> OpenAsync(FuseRequest request, ulong node) =>
        new(new FuseOpen(0, node >= DirectNode ? FuseOpenFlags.DirectIo : FuseOpenFlags.KeepCache));

    public override ValueTask<FuseResult<int>> ReadAsync(FuseRequest request, ulong node, ulong handle, long offset, Memory<byte> destination)
    {
        if (node >= HungNode)
            return WaitAsync(request);

        Span<byte> content = destination.Span[..(int)Math.Min(destination.Length, Size - offset)];
        content.Fill((byte)'x');
        return new(content.Length);
    }

    public override ValueTask<FuseResult<Unit>> ReadDirectoryAsync(FuseRequest request, ulong node, ulong handle, long offset, FuseDirectoryWriter writer) =>
        new(default(Unit));

    private static FuseAttributes Attributes(ulong node) => node == RootNode
        ? new(node, FuseFileType.Directory, 0b101_101_101, 0, 0)
        : new(node, FuseFileType.Regular, 0b100_100_100, Size, 0);

    private async ValueTask<FuseResult<int>> WaitAsync(FuseRequest request)
    {
        Interlocked.Increment(ref waiting);
        try
        {
            await Task.Delay(Timeout.Infinite, request.Cancelled);
            return 0;
        }
        finally
        {
            Interlocked.Decrement(ref waiting);
        }
    }
}
