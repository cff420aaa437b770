namespace ModelFs.Fuse;

/// <summary>A read-only filesystem: what the kernel may ask of it. What is not overridden answers ENOSYS, or what Linux takes for "none".</summary>
/// <remarks>
/// Handlers run on the session's reader threads. One that can answer at once returns a completed task and costs no allocation;
/// one that cannot returns a task that completes elsewhere, and never blocks the thread. A handler that throws answers EIO.
/// A task that is still pending when the request's deadline passes is answered with EIO by the session.
/// Names are the bytes the kernel sent, without a terminator; a span is valid until the method returns.
/// </remarks>
public abstract class FuseFileSystem
{
    public const ulong RootNode = 1;

    /// <summary>The kernel and the session have agreed; requests follow.</summary>
    public virtual void Started(FuseSession session)
    {
    }

    public abstract ValueTask<FuseResult<FuseEntry>> LookupAsync(FuseRequest request, ulong parent, ReadOnlySpan<byte> name);

    /// <summary>The kernel dropped <paramref name="count"/> references that lookups gave it.</summary>
    public virtual void Forget(ulong node, ulong count)
    {
    }

    public abstract ValueTask<FuseResult<FuseAttributesReply>> GetAttributesAsync(FuseRequest request, ulong node);

    public virtual ValueTask<FuseResult<ReadOnlyMemory<byte>>> ReadLinkAsync(FuseRequest request, ulong node) => new(Errno.EINVAL);

    public virtual ValueTask<FuseResult<FuseOpen>> OpenAsync(FuseRequest request, ulong node) => new(new FuseOpen(0, FuseOpenFlags.KeepCache));

    /// <summary>Fills <paramref name="destination"/> from <paramref name="offset"/>; fewer bytes than it holds mean the end of the file.</summary>
    /// <remarks><see cref="Memory{T}.Span"/> of the destination is backed by a buffer from its first use on, so that a read that waits holds none.</remarks>
    public abstract ValueTask<FuseResult<int>> ReadAsync(FuseRequest request, ulong node, ulong handle, long offset, Memory<byte> destination);

    public virtual void Release(ulong node, ulong handle)
    {
    }

    public virtual ValueTask<FuseResult<FuseOpen>> OpenDirectoryAsync(FuseRequest request, ulong node) => new(new FuseOpen(0, FuseOpenFlags.None));

    /// <summary>Adds the entries that follow <paramref name="offset"/> (0 is the beginning) until the writer is full or none is left.</summary>
    public abstract ValueTask<FuseResult<Unit>> ReadDirectoryAsync(FuseRequest request, ulong node, ulong handle, long offset, FuseDirectoryWriter writer);

    public virtual void ReleaseDirectory(ulong node, ulong handle)
    {
    }

    public virtual ValueTask<FuseResult<FuseStatistics>> GetStatisticsAsync(FuseRequest request, ulong node) => new(new FuseStatistics(0, 0, 0, 0, 0));

    public virtual ValueTask<FuseResult<ReadOnlyMemory<byte>>> GetExtendedAttributeAsync(FuseRequest request, ulong node, ReadOnlySpan<byte> name) => new(Errno.EOPNOTSUPP);

    /// <summary>The names, each ended by a zero byte.</summary>
    public virtual ValueTask<FuseResult<ReadOnlyMemory<byte>>> ListExtendedAttributesAsync(FuseRequest request, ulong node) => new(ReadOnlyMemory<byte>.Empty);

    /// <summary>SEEK_DATA (3) and SEEK_HOLE (4); the kernel answers the others itself.</summary>
    public virtual ValueTask<FuseResult<long>> SeekAsync(FuseRequest request, ulong node, ulong handle, long offset, int whence) => new(Errno.ENOSYS);
}

/// <summary>The value of a reply that says no more than "done".</summary>
public readonly struct Unit;
