using BenchmarkDotNet.Attributes;
using ModelFs.Fuse;
using ModelFs.Fuse.Protocol;

namespace ModelFs.Benchmarks.Micro;

/// <summary>The kernel's structures, taken apart and put together.</summary>
[MemoryDiagnoser]
public class Codec
{
    private const int Requests = 64;

    private readonly byte[] reads = new byte[Requests * 40];
    private readonly byte[] lookup = "model-00001-of-00004.safetensors\0"u8.ToArray();
    private readonly FuseEntry entry = new(1, default, TimeSpan.FromHours(1), TimeSpan.FromHours(1));

    /// <summary>One takes less than a clock tells.</summary>
    [Benchmark(OperationsPerInvoke = Requests)]
    public ulong ParseRead()
    {
        ReadOnlySpan<byte> body = reads;
        ulong sum = 0;
        while (RequestParser.TryTake<ReadIn>(ref body, out var request))
            sum += request.Offset + request.Size;
        return sum;
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
