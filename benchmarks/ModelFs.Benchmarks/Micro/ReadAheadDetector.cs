using BenchmarkDotNet.Attributes;
using ModelFs.Cache.Objects;

namespace ModelFs.Benchmarks.Micro;

/// <summary>What telling a sequential reader from a random one costs each read.</summary>
[MemoryDiagnoser]
public class ReadAheadDetector
{
    private const int Read = 128 << 10;
    private const int Interleaved = 8;

    private readonly ReadAhead detector = new();
    private readonly long[] positions = [.. Enumerable.Range(0, Interleaved).Select(number => (long)number << 36)];
    private readonly Random random = new(1);
    private long next;
    private int turn;

    [Benchmark(Baseline = true)]
    public long Sequential()
    {
        next += Read;
        return detector.Observe(next, Read).Window;
    }

    [Benchmark]
    public long EightStreamsInTurn()
    {
        ref var position = ref positions[turn++ & (Interleaved - 1)];
        position += Read;
        return detector.Observe(position, Read).Window;
    }

    [Benchmark]
    public long AtRandom() => detector.Observe(random.NextInt64(1L << 40), Read).Window;
}
