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
    private readonly CancellationTokenSource closing = new();

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

    /// <summary>Checksums and writes blocks: four, because a write waits for its disk, which takes 0.95 GB/s one by one and 1.2 GB/s side by side.</summary>
    public WorkThreads Writers { get; } = new("write", 4);

    /// <summary>Hashes whole objects and seals them: seconds for a large one, hence apart. Four, because a small one is a wait for the disk of a millisecond, which several share.</summary>
    public WorkThreads Sealers { get; } = new("seal", 4);

    /// <summary>Requests whose readers wait. A source may limit itself further. With those of read-ahead they hold a buffer each when all origins hang, and leave enough to go on.</summary>
    public FetchPlaces DemandPlaces { get; } = new(192);

    /// <summary>Requests that only read ahead: sixteen of the 24 that one registry may have are the widest window.</summary>
    public FetchPlaces AheadPlaces { get; } = new(48);

    /// <summary>Objects that are being completed in the background: few, because nobody waits for them.</summary>
    public FetchPlaces CompletionPlaces { get; } = new(8);

    /// <summary>Reads that may wait for <see cref="Readers"/>: as many as a mount has requests in flight.</summary>
    public SemaphoreSlim ReadSlots { get; } = new(1024);

    /// <summary>Requests to sources under way.</summary>
    public int Fetches => DemandPlaces.Taken + AheadPlaces.Taken;

    public CancellationToken Closing => closing.Token;

    /// <summary>Objects whose content was not what the registry promised, until the process ends.</summary>
    public ConcurrentDictionary<ObjectKey, bool> Quarantine { get; } = new();

    /// <summary>Milliseconds since 1970.</summary>
    public long Now => Time.GetUtcNow().ToUnixTimeMilliseconds();

    public void BeginClosing() => closing.Cancel();

    /// <summary>Waits for what the disk has been asked to do, however long that takes.</summary>
    public void Dispose()
    {
        Metrics.Dispose();
        Writers.Close();
        Sealers.Close();
        Readers.Close();
    }
}
