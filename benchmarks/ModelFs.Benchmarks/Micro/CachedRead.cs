using BenchmarkDotNet.Attributes;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Win32.SafeHandles;
using ModelFs.Cache;

namespace ModelFs.Benchmarks.Micro;

/// <summary>A warm read from the cache, as a FUSE reader thread does it, beside <c>pread</c> of the same bytes.</summary>
[MemoryDiagnoser]
public class CachedRead
{
    private const long ObjectSize = 64 << 20;

    private string directory = "";
    private BlockCache cache = null!;
    private ObjectHandle handle = null!;
    private SafeFileHandle native = null!;
    private byte[] buffer = null!;
    private long offset;

    [Params(4 << 10, 128 << 10, 1 << 20)]
    public int Size { get; set; }

    [GlobalSetup]
    public void Setup() => SetupAsync().GetAwaiter().GetResult();

    [GlobalCleanup]
    public void Cleanup() => CleanupAsync().GetAwaiter().GetResult();

    [Benchmark(Baseline = true)]
    public int Native() => RandomAccess.Read(native, buffer, Next());

    [Benchmark]
    public int Cached()
    {
        var at = Next();
        // What somebody else on the machine has pushed out of the page cache is read again.
        return handle.TryRead(at, buffer, out var count) ? count : (int)handle.ReadAsync(at, buffer, default).AsTask().GetAwaiter().GetResult().Value;
    }

    private long Next() => offset = (offset + Size) % (ObjectSize - Size);

    private async Task SetupAsync()
    {
        directory = Directory.CreateTempSubdirectory("modelfs-bench-").FullName;
        var content = new byte[ObjectSize];
        new Random(1).NextBytes(content);
        var path = Path.Combine(directory, "native");
        await File.WriteAllBytesAsync(path, content);
        native = File.OpenHandle(path);
        buffer = new byte[Size];

        var clock = new StoppableClock();
        cache = await BlockCache.OpenAsync(new CacheOptions { Directory = Path.Combine(directory, "cache") }, NullLoggerFactory.Instance, clock);
        handle = cache.Open(new ObjectDescriptor(new ObjectKey(1), ObjectSize, default, "BENCH", "object"), new MemorySource(content));
        await handle.CompleteAsync(default);
        for (long at = 0; at < ObjectSize; at += Size)
            await handle.ReadAsync(at, buffer, default);
        // Our own reads leave nothing in the page cache but what was read ahead for them, and that goes with the next one.
        using var file = (await handle.OpenForKernelAsync())!;
        _ = Linux.Advise((int)file.DangerousGetHandle(), 0, 0, Linux.DontNeed);
        for (long at = 0; at < ObjectSize; at += Size)
            _ = RandomAccess.Read(file, buffer, at);
        clock.Stop();
    }

    private async Task CleanupAsync()
    {
        handle.Dispose();
        native.Dispose();
        await cache.DisposeAsync();
        Directory.Delete(directory, recursive: true);
    }

    /// <summary>What is allocated is counted for the whole process: the cache's own upkeep must not fall into a read's figure.</summary>
    private sealed class StoppableClock : TimeProvider
    {
        private readonly List<ITimer> timers = [];

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            var timer = base.CreateTimer(callback, state, dueTime, period);
            lock (timers)
                timers.Add(timer);
            return timer;
        }

        public void Stop()
        {
            lock (timers)
                timers.ForEach(timer => timer.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan));
        }
    }
}
