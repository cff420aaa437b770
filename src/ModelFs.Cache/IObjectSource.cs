namespace ModelFs.Cache;

/// <summary>Where an object's bytes come from when the cache lacks them. The cache has never heard of HTTP.</summary>
public interface IObjectSource
{
    /// <summary>Opens the bytes <c>[offset, offset + length)</c>. A source that cannot start there answers from byte 0 to the end, and its stream says so.</summary>
    /// <remarks><paramref name="length"/> is <see cref="long.MaxValue"/> while nobody knows the object's size: to the end then. Retries, time limits and a stalled body are the source's business: each call and each read of the stream ends in bounded time.</remarks>
    /// <exception cref="SourceException">The bytes cannot be had.</exception>
    ValueTask<SourceStream> OpenAsync(long offset, long length, CancellationToken cancellation);
}

/// <param name="Offset">Where the body begins: what was asked for, or 0 from a source without ranges.</param>
/// <param name="TotalLength">The object's whole length, where the answer tells it.</param>
public sealed record SourceStream(Stream Body, long Offset, long? TotalLength) : IAsyncDisposable
{
    public ValueTask DisposeAsync() => Body.DisposeAsync();
}

/// <summary>The source failed. <see cref="Errno"/> is what the readers who wait get.</summary>
public sealed class SourceException(int errno, string message, Exception? inner = null) : Exception(message, inner)
{
    public int Errno { get; } = errno;
}
