namespace ModelFs.Cache;

/// <summary>An object that somebody has open. While one handle lives, the object is not evicted. Thread safe but for <see cref="Dispose"/>.</summary>
public sealed class ObjectHandle : IDisposable
{
    public ObjectState State => throw new NotImplementedException();

    /// <summary>Copies bytes that are present, verified and in memory. Never blocks and never allocates.</summary>
    /// <returns>False when that is not possible for the whole range (cut at the end of the object): use <see cref="ReadAsync"/>.</returns>
    public bool TryRead(long offset, Span<byte> destination, out int count) => throw new NotImplementedException();

    /// <summary>Copies <c>[offset, offset + destination.Length)</c>, cut at the end of the object, as soon as those bytes have arrived.</summary>
    /// <remarks>The span of <paramref name="destination"/> is touched only when bytes are at hand. Cancelling gives up waiting; the fetch goes on for others.</remarks>
    public ValueTask<CacheRead> ReadAsync(long offset, Memory<byte> destination, CancellationToken cancellation) => throw new NotImplementedException();

    /// <summary>The object's size; where nobody knows it, the whole is fetched to find out.</summary>
    public ValueTask<CacheRead> GetSizeAsync(CancellationToken cancellation) => throw new NotImplementedException();

    /// <summary>Fetches what is missing, in order, and completes when the object is sealed (or cannot be: then with the errno). Progress is in <see cref="State"/>.</summary>
    public ValueTask<CacheRead> CompleteAsync(CancellationToken cancellation) => throw new NotImplementedException();

    public void Dispose() => throw new NotImplementedException();
}

/// <param name="Value">Bytes read, or the size that was asked for.</param>
/// <param name="Errno">0, or what went wrong: the source's own errno, or EIO (5).</param>
public readonly record struct CacheRead(long Value, int Errno)
{
    public bool IsOk => Errno == 0;
}
