using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using ModelFs.Cache.Disk;
using ModelFs.Cache.Fetching;
using ModelFs.Cache.Index;
using ModelFs.Cache.Objects;
using ModelFs.Cache.Space;

namespace ModelFs.Cache;

/// <summary>Opens an object's file: the real one, or a test's that fails on purpose.</summary>
internal delegate IObjectFile? OpenObjectFile(string path, bool create);

/// <summary>What all objects of one cache share.</summary>
internal sealed class CacheResources : IDisposable
{
    /// <summary>Requests at once whose readers wait. A source may limit itself further. With those of read-ahead they hold a buffer each when all origins hang, and leave enough to go on.</summary>
    private const int DemandFetches = 160;

    /// <summary>Of these the most for one registry: when it hangs, the others go on.</summary>
    private const int DemandFetchesOfOne = 96;

    /// <summary>Requests at once that only read ahead: never so many that memory or the line is theirs alone.</summary>
    private const int AheadFetches = 16;

    private readonly CancellationTokenSource closing = new();
    private readonly ConcurrentDictionary<string, SemaphoreSlim> demandSlotsByOwner = new();

    public required CacheOptions Options { get; init; }

    public required ObjectPaths Paths { get; init; }

    public required OpenObjectFile OpenFile { get; init; }

    public required Epoch Epoch { get; init; }

    /// <summary>Why the kernel may not read objects in our place, or null.</summary>
    public required string? PassthroughObstacle { get; init; }

    public required BlockIndex Index { get; init; }

    public required StoreHealth Health { get; init; }

    public required DiskSpace Space { get; init; }

    public required Catalog Catalog { get; init; }

    public required Accounts Accounts { get; init; }

    public required Labels Labels { get; init; }

    public required Pins Pins { get; init; }

    public required Totals Totals { get; init; }

    public required Metrics Metrics { get; init; }

    public required TimeProvider Time { get; init; }

    public required ILogger Log { get; init; }

    public BufferPool Buffers { get; } = new();

    /// <summary>Reads and verifies blocks. Four, because one NVMe queue is busy with that and a request of the mount is one job.</summary>
    public WorkThreads Readers { get; } = new("read", 4);

    /// <summary>Checksums and writes blocks: two, so that one checksums while the other writes.</summary>
    public WorkThreads Writers { get; } = new("write", 2);

    /// <summary>Hashes whole objects and seals them: seconds for a large one, hence apart.</summary>
    public WorkThreads Sealers { get; } = new("seal", 1);

    public SemaphoreSlim DemandSlots { get; } = new(DemandFetches);

    public SemaphoreSlim AheadSlots { get; } = new(AheadFetches);

    /// <summary>Reads that may wait for <see cref="Readers"/>: as many as a mount has requests in flight.</summary>
    public SemaphoreSlim ReadSlots { get; } = new(1024);

    /// <summary>The share of one registry in <see cref="DemandSlots"/>; taken first.</summary>
    public SemaphoreSlim DemandSlotsOf(string owner) => demandSlotsByOwner.GetOrAdd(owner, static _ => new SemaphoreSlim(DemandFetchesOfOne));

    /// <summary>Requests to sources under way.</summary>
    public long Fetches => DemandFetches - DemandSlots.CurrentCount + (AheadFetches - AheadSlots.CurrentCount);

    public CancellationToken Closing => closing.Token;

    /// <summary>Objects whose content was not what the registry promised, until the process ends.</summary>
    public ConcurrentDictionary<ObjectKey, bool> Quarantine { get; } = new();

    /// <summary>Milliseconds since 1970.</summary>
    public long Now => Time.GetUtcNow().ToUnixTimeMilliseconds();

    public void BeginClosing() => closing.Cancel();

    public void Dispose()
    {
        Metrics.Dispose();
        Readers.Dispose();
        Writers.Dispose();
        Sealers.Dispose();
    }
}
