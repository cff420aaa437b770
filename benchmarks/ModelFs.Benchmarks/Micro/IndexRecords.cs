using BenchmarkDotNet.Attributes;
using Microsoft.Extensions.Logging.Abstractions;
using ModelFs.Cache;
using ModelFs.Cache.Index;

namespace ModelFs.Benchmarks.Micro;

/// <summary>The index, by objects of 64 MiB: a new one put, and a known one loaded when it is opened.</summary>
[MemoryDiagnoser]
public class IndexRecords
{
    private const int Blocks = 256;
    private const int Objects = 1000;

    private readonly ObjectRecord record = new((long)Blocks * CacheOptions.BlockSize, 1, 1, default);
    private readonly (int Number, ulong Checksum)[] blocks = [.. Enumerable.Range(0, Blocks).Select(number => (number, (ulong)number))];
    private string directory = "";
    private BlockIndex index = null!;
    private uint turn;

    [GlobalSetup]
    public void Setup() => SetupAsync().GetAwaiter().GetResult();

    [GlobalCleanup]
    public void Cleanup() => CleanupAsync().GetAwaiter().GetResult();

    [Benchmark]
    public Task Put256Blocks() => index.PutAsync(new ObjectKey(turn++ % Objects), record, blocks);

    [Benchmark]
    public async Task Load256Blocks()
    {
        if (await index.LoadAsync(new ObjectKey(turn++ % Objects)) is null)
            throw new InvalidOperationException("what was put is not there");
    }

    private async Task SetupAsync()
    {
        directory = Directory.CreateTempSubdirectory("modelfs-bench-").FullName;
        index = BlockIndex.Open(Path.Combine(directory, "index"), 100L << 30, NullLogger.Instance);
        for (var number = 0; number < Objects; number++)
            await index.PutAsync(new ObjectKey((UInt128)number), record, blocks);
    }

    private async Task CleanupAsync()
    {
        await index.DisposeAsync();
        Directory.Delete(directory, recursive: true);
    }
}
