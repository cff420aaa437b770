using BenchmarkDotNet.Attributes;
using Microsoft.Extensions.Logging.Abstractions;
using ModelFs.Cache;

namespace ModelFs.Benchmarks.Micro;

/// <summary>Readers that want the same absent block at the same time: one question to the origin, an answer for each.</summary>
[MemoryDiagnoser]
public class SingleFlight
{
    private const int Size = 4 << 10; // one short block, so that the disk is not what is measured

    private readonly MemorySource source = new(new byte[Size]);
    private string directory = "";
    private BlockCache cache = null!;
    private byte[][] buffers = null!;
    private int objects;

    [Params(1, 8, 64)]
    public int Readers { get; set; }

    [GlobalSetup]
    public void Setup() => SetupAsync().GetAwaiter().GetResult();

    [GlobalCleanup]
    public void Cleanup() => CleanupAsync().GetAwaiter().GetResult();

    [Benchmark]
    public async Task ColdBlock()
    {
        var number = (ulong)++objects;
        using var handle = cache.Open(new ObjectDescriptor(new ObjectKey(number), Size, default, "BENCH", "object"), source);
        await Task.WhenAll(buffers.Select(buffer => Task.Run(() => handle.ReadAsync(0, buffer, default).AsTask())));
    }

    private async Task SetupAsync()
    {
        directory = Directory.CreateTempSubdirectory("modelfs-bench-").FullName;
        buffers = [.. Enumerable.Range(0, Readers).Select(_ => new byte[Size])];
        cache = await BlockCache.OpenAsync(new CacheOptions { Directory = Path.Combine(directory, "cache") }, NullLoggerFactory.Instance, TimeProvider.System);
    }

    private async Task CleanupAsync()
    {
        await cache.DisposeAsync();
        Directory.Delete(directory, recursive: true);
        if (source.Opened != objects)
            throw new InvalidOperationException($"{objects} blocks were asked of the origin {source.Opened} times");
    }
}
