using Microsoft.Extensions.Logging;

namespace ModelFs.Cache;

/// <summary>Objects in blocks of 256 KiB on a local disk, with the index that knows which are there.</summary>
public sealed class BlockCache : IAsyncDisposable
{
    /// <summary>Manifests, listings and aliases that outlive the process.</summary>
    public MetadataStore Metadata => throw new NotImplementedException();

    /// <summary>Numbers that stand for names, the same after a restart.</summary>
    public OrdinalTable Ordinals => throw new NotImplementedException();

    public CacheStatus Status => throw new NotImplementedException();

    /// <exception cref="CacheInUseException">Another process holds the directory; it says which.</exception>
    public static Task<BlockCache> OpenAsync(CacheOptions options, ILoggerFactory logs, TimeProvider time, CancellationToken cancellation = default) =>
        throw new NotImplementedException();

    /// <summary>Opens an object. Returns at once: what is on disk is looked up in the background, and the handle's reads wait for it.</summary>
    public ObjectHandle Open(ObjectDescriptor descriptor, IObjectSource source) => throw new NotImplementedException();

    /// <summary>What is held of an object, without opening it.</summary>
    public ValueTask<ObjectState> GetStateAsync(ObjectKey key) => throw new NotImplementedException();

    public ValueTask DisposeAsync() => throw new NotImplementedException();
}

public sealed class CacheInUseException(string message) : IOException(message);
