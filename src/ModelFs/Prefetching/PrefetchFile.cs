using ModelFs.Cache;
using ModelFs.Fuse;
using ModelFs.Vfs;

namespace ModelFs.Prefetching;

/// <summary>One file of a prefetch. Its figures may be read by any thread.</summary>
internal sealed class PrefetchFile(ModelTree tree, ContentNode file)
{
    private volatile ObjectHandle? handle;
    private long settled;

    public string Path => file.Path;

    /// <summary>0 where the registry does not know it.</summary>
    public long Size => file.Size ?? 0;

    public ObjectDescriptor Descriptor => tree.Describe(file);

    /// <summary>What of it an earlier run left in the cache.</summary>
    public long BytesBefore { get; private set; }

    /// <summary>What of it is in the cache.</summary>
    public long Bytes => Math.Max(Interlocked.Read(ref settled), handle?.State.CachedBytes ?? 0);

    /// <summary>Counts what an earlier run left.</summary>
    public async ValueTask<long> LookAsync() => settled = BytesBefore = (await tree.GetStateAsync(file)).CachedBytes;

    /// <returns>Why it failed, in words, or null.</returns>
    public async ValueTask<string?> CompleteAsync(Pace? pace, CancellationToken cancellation)
    {
        using var opened = tree.Open(file);
        handle = opened;
        try
        {
            var result = await opened.CompleteAsync(cancellation, pace);
            return result.IsOk ? null : Reason((Errno)result.Errno, opened);
        }
        finally
        {
            Interlocked.Exchange(ref settled, opened.State.CachedBytes);
            handle = null;
        }
    }

    private static string Reason(Errno errno, ObjectHandle handle) => errno switch
    {
        Errno.ENOSPC when handle.StoringFault is { } fault => $"it could not be stored: {fault}",
        Errno.ENOSPC => "the cache has no room for it; see cacheSize and minFree",
        _ when handle.State.Quarantined => "its content is not what the registry's digest says; the registry's copy is damaged",
        _ => handle.FailureReason ?? $"it could not be stored ({errno}); modelfs status shows what ails the cache",
    };
}
