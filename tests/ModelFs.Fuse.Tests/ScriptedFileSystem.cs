using System.Collections.Concurrent;
using System.Text;

namespace ModelFs.Fuse.Tests;

/// <summary>A filesystem whose answers each test writes, and that remembers what it was told.</summary>
internal sealed class ScriptedFileSystem : FuseFileSystem
{
    public static readonly FuseAttributes File = new(42, FuseFileType.Regular, 0x124, 1000, 1_500_000_000_123_456_789);

    public Func<FuseRequest, ulong, string, ValueTask<FuseResult<FuseEntry>>> OnLookup { get; set; } =
        (_, _, _) => new(new FuseEntry(2, File, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(2)));

    public Func<FuseRequest, ulong, ValueTask<FuseResult<FuseAttributesReply>>> OnGetAttributes { get; set; } =
        (_, _) => new(new FuseAttributesReply(File, TimeSpan.FromSeconds(1)));

    public Func<FuseRequest, ulong, ValueTask<FuseResult<ReadOnlyMemory<byte>>>> OnReadLink { get; set; } = (_, _) => new(Errno.EINVAL);

    public Func<FuseRequest, ulong, ValueTask<FuseResult<FuseOpen>>> OnOpen { get; set; } = (_, _) => new(new FuseOpen(7, FuseOpenFlags.KeepCache));

    public Func<FuseRequest, ulong, ValueTask<FuseResult<FuseOpen>>> OnOpenDirectory { get; set; } =
        (_, _) => new(new FuseOpen(8, FuseOpenFlags.CacheDirectory));

    public Func<FuseRequest, long, Memory<byte>, ValueTask<FuseResult<int>>> OnRead { get; set; } = (_, _, _) => new(0);

    public Func<FuseRequest, long, FuseDirectoryWriter, ValueTask<FuseResult<Unit>>> OnReadDirectory { get; set; } = (_, _, _) => new(default(Unit));

    public Func<ulong, ValueTask<FuseResult<FuseStatistics>>> OnGetStatistics { get; set; } = _ => new(new FuseStatistics(0, 0, 0, 0, 0));

    public Func<string, ValueTask<FuseResult<ReadOnlyMemory<byte>>>> OnGetExtendedAttribute { get; set; } = _ => new(Errno.EOPNOTSUPP);

    public Func<ValueTask<FuseResult<ReadOnlyMemory<byte>>>> OnListExtendedAttributes { get; set; } = () => new(ReadOnlyMemory<byte>.Empty);

    public Func<long, int, ValueTask<FuseResult<long>>> OnSeek { get; set; } = (_, _) => new(Errno.ENOSYS);

    public Action OnForget { get; set; } = () => { };

    public ConcurrentQueue<(ulong Node, ulong Count)> Forgotten { get; } = new();

    public ConcurrentQueue<(ulong Node, ulong Handle)> Released { get; } = new();

    public ConcurrentQueue<(ulong Node, ulong Handle)> ReleasedDirectories { get; } = new();

    public override ValueTask<FuseResult<FuseEntry>> LookupAsync(FuseRequest request, ulong parent, ReadOnlySpan<byte> name) =>
        OnLookup(request, parent, Encoding.UTF8.GetString(name));

    public override void Forget(ulong node, ulong count)
    {
        Forgotten.Enqueue((node, count));
        OnForget();
    }

    public override ValueTask<FuseResult<FuseAttributesReply>> GetAttributesAsync(FuseRequest request, ulong node) => OnGetAttributes(request, node);

    public override ValueTask<FuseResult<ReadOnlyMemory<byte>>> ReadLinkAsync(FuseRequest request, ulong node) => OnReadLink(request, node);

    public override ValueTask<FuseResult<FuseOpen>> OpenAsync(FuseRequest request, ulong node) => OnOpen(request, node);

    public override ValueTask<FuseResult<int>> ReadAsync(FuseRequest request, ulong node, ulong handle, long offset, Memory<byte> destination) =>
        OnRead(request, offset, destination);

    public override void Release(ulong node, ulong handle) => Released.Enqueue((node, handle));

    public override ValueTask<FuseResult<FuseOpen>> OpenDirectoryAsync(FuseRequest request, ulong node) => OnOpenDirectory(request, node);

    public override ValueTask<FuseResult<Unit>> ReadDirectoryAsync(FuseRequest request, ulong node, ulong handle, long offset, FuseDirectoryWriter writer) =>
        OnReadDirectory(request, offset, writer);

    public override void ReleaseDirectory(ulong node, ulong handle) => ReleasedDirectories.Enqueue((node, handle));

    public override ValueTask<FuseResult<FuseStatistics>> GetStatisticsAsync(FuseRequest request, ulong node) => OnGetStatistics(node);

    public override ValueTask<FuseResult<ReadOnlyMemory<byte>>> GetExtendedAttributeAsync(FuseRequest request, ulong node, ReadOnlySpan<byte> name) =>
        OnGetExtendedAttribute(Encoding.UTF8.GetString(name));

    public override ValueTask<FuseResult<ReadOnlyMemory<byte>>> ListExtendedAttributesAsync(FuseRequest request, ulong node) => OnListExtendedAttributes();

    public override ValueTask<FuseResult<long>> SeekAsync(FuseRequest request, ulong node, ulong handle, long offset, int whence) => OnSeek(offset, whence);
}
