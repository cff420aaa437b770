using Microsoft.Win32.SafeHandles;
using ModelFs.Cache.Objects;

namespace ModelFs.Cache;

/// <summary>An object that somebody has open. While one handle lives, the object is not evicted. Thread safe but for <see cref="Dispose"/>.</summary>
public sealed class ObjectHandle : IDisposable
{
    private readonly BlockCache cache;
    private readonly CachedObject target;
    private bool isDisposed;

    internal ObjectHandle(BlockCache cache, CachedObject target)
    {
        this.cache = cache;
        this.target = target;
    }

    public ObjectState State => target.State;

    /// <summary>Ends when what is on disk has been looked up. Never fails.</summary>
    public Task Ready => target.Ready;

    public bool IsSealed => target.IsSealed;

    /// <summary>The object is complete, each block right, all of it on a local disk and its file as we left it: the kernel may read that itself.</summary>
    public bool CanPassThrough => target.CanPassThrough;

    /// <summary>
    /// The object's file, for the kernel to read while this handle is open. Null when it may not: what was sealed before a crash is
    /// then verified in the background, so that a later call may give it.
    /// </summary>
    /// <exception cref="IOException">The disk fails.</exception>
    public async Task<SafeFileHandle?> OpenForKernelAsync()
    {
        await target.Ready.ConfigureAwait(false);
        return await cache.Resources.Readers.RunAsync(target.OpenForKernel).ConfigureAwait(false);
    }

    /// <summary>Copies bytes that are present, verified and in memory. Never blocks, and allocates nothing but for a read-ahead that it starts.</summary>
    /// <returns>False when that is not possible for the whole range (cut at the end of the object): use <see cref="ReadAsync"/>.</returns>
    public bool TryRead(long offset, Span<byte> destination, out int count) => target.TryRead(offset, destination, out count);

    /// <summary>Copies <c>[offset, offset + destination.Length)</c>, cut at the end of the object, as soon as those bytes have arrived.</summary>
    /// <remarks>
    /// The span of <paramref name="destination"/> is touched only when bytes are at hand, and never after the task has ended.
    /// Cancelling gives up waiting with <see cref="OperationCanceledException"/>; the fetch goes on for others.
    /// </remarks>
    public ValueTask<CacheRead> ReadAsync(long offset, Memory<byte> destination, CancellationToken cancellation) =>
        target.ReadAsync(offset, destination, cancellation);

    /// <summary>The object's size; where nobody knows it, the whole is fetched to find out.</summary>
    public ValueTask<CacheRead> GetSizeAsync(CancellationToken cancellation) => target.GetSizeAsync(cancellation);

    /// <summary>Why the last fetch failed that did, in the source's words, which name no secret; null when none did.</summary>
    public string? FailureReason => target.FailureReason;

    /// <summary>Why its blocks find no place on the disk just now, or null.</summary>
    public string? StoringFault => target.StoringFault;

    /// <summary>Fetches what is missing, in order, and completes when the object is sealed (or cannot be: then with the errno). Progress is in <see cref="State"/>.</summary>
    /// <param name="pace">Limits the rate; may be shared by many objects. Who reads meanwhile is not held to it.</param>
    public ValueTask<CacheRead> CompleteAsync(CancellationToken cancellation, Pace? pace = null) => target.CompleteAsync(pace, cancellation);

    public void Dispose() => Close(TimeSpan.Zero);

    /// <summary>Closes a handle that was kept for a next use: the object was last used then, and not now.</summary>
    /// <param name="unused">For how long nobody has used it.</param>
    public void Close(TimeSpan unused)
    {
        if (isDisposed)
            return;
        isDisposed = true;
        target.Touch(unused);
        cache.Close(target);
    }
}

/// <param name="Value">Bytes read, or the size that was asked for.</param>
/// <param name="Errno">0, or what went wrong: the source's own errno, or EIO (5).</param>
public readonly record struct CacheRead(long Value, int Errno)
{
    public bool IsOk => Errno == 0;
}
