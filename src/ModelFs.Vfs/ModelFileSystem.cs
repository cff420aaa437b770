using ModelFs.Fuse;
using Microsoft.Extensions.Logging;

namespace ModelFs.Vfs;

/// <summary>The tree as the kernel sees it: node ids, attributes, listings with offsets, open files.</summary>
public sealed class ModelFileSystem : FuseFileSystem
{
    public ModelFileSystem(ModelTree tree, ILoggerFactory logs) => throw new NotImplementedException();

    public override ValueTask<FuseResult<FuseEntry>> LookupAsync(FuseRequest request, ulong parent, ReadOnlySpan<byte> name) => throw new NotImplementedException();

    public override ValueTask<FuseResult<FuseAttributesReply>> GetAttributesAsync(FuseRequest request, ulong node) => throw new NotImplementedException();

    public override ValueTask<FuseResult<int>> ReadAsync(FuseRequest request, ulong node, ulong handle, long offset, Memory<byte> destination) => throw new NotImplementedException();

    public override ValueTask<FuseResult<Fuse.Unit>> ReadDirectoryAsync(FuseRequest request, ulong node, ulong handle, long offset, FuseDirectoryWriter writer) => throw new NotImplementedException();
}
