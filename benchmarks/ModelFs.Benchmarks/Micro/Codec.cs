using BenchmarkDotNet.Attributes;
using ModelFs.Fuse;
using ModelFs.Fuse.Protocol;

namespace ModelFs.Benchmarks.Micro;

/// <summary>The kernel's structures, taken apart and put together.</summary>
[MemoryDiagnoser]
public class Codec
{
    private readonly byte[] read = new byte[40];
    private readonly byte[] lookup = "model-00001-of-00004.safetensors\0"u8.ToArray();
    private readonly FuseEntry entry = new(1, default, TimeSpan.FromHours(1), TimeSpan.FromHours(1));

    [Benchmark]
    public ulong ParseRead()
    {
        ReadOnlySpan<byte> body = read;
        return RequestParser.TryTake<ReadIn>(ref body, out var request) ? request.Offset + request.Size : throw new InvalidOperationException();
    }

    [Benchmark]
    public int ParseLookup()
    {
        ReadOnlySpan<byte> body = lookup;
        return RequestParser.TryTakeName(ref body, out var name) ? name.Length : throw new InvalidOperationException();
    }

    [Benchmark]
    public ulong EncodeEntry() => ReplyEncoder.Entry(entry).Node;
}
