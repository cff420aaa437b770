using Microsoft.Extensions.Logging;
using ModelFs.Cache;
using ModelFs.Fuse;
using ModelFs.Vfs.Nodes;

namespace ModelFs.Vfs.Files;

/// <summary>Which way a file is opened: read through us, or by the kernel itself from the object's file.</summary>
/// <remarks>
/// The kernel wants all opens of one node to go one way, and to one backing id. So the first open decides while the others wait, and
/// what is decided holds until the last one closes. A file that was sealed while somebody reads it through us gets another node id
/// with its next lookup; who opens the old one is sent back to look (ESTALE, which the kernel answers by itself: it resolves the path
/// anew). That needs no notification, which would wait for lookups in the directory.
/// </remarks>
internal sealed class Passthrough(BlockCache cache, OpenCounters counters, TimeProvider time, ILogger log)
{
    /// <summary>Looking up what is on disk takes a millisecond; a disk that hangs shall not make an open hang.</summary>
    private static readonly TimeSpan DecisionLimit = TimeSpan.FromSeconds(1);

    /// <summary>
    /// Whoever comes by a descriptor (<c>/proc/self/fd</c>, a bind mount of the file) finds the old node again and must be served then:
    /// nobody is sent back twice.
    /// </summary>
    private static readonly TimeSpan SendBackOnceIn = TimeSpan.FromMinutes(1);

    private static readonly FuseOpen Served = new(0, FuseOpenFlags.KeepCache);

    private FuseSession? session;
    private volatile string? obstacle = "not mounted";

    /// <summary>Why the kernel does not read files itself, or null.</summary>
    public string? Obstacle => obstacle;

    /// <summary>
    /// How the next open of a file reads: <c>passthrough</c> (complete, checked, and read by the kernel itself), <c>sealed</c> (complete and
    /// checked) or <c>lazy</c> (fetched as it is read).
    /// </summary>
    public async ValueTask<string> ModeAsync(ObjectKey key) =>
        obstacle is null && await cache.CanPassThroughAsync(key).ConfigureAwait(false) ? "passthrough" : await ModeWithoutAsync(cache, key).ConfigureAwait(false);

    /// <summary>The same where nothing is mounted.</summary>
    public static async ValueTask<string> ModeWithoutAsync(BlockCache cache, ObjectKey key) =>
        (await cache.GetStateAsync(key).ConfigureAwait(false)).Sealed ? "sealed" : "lazy";

    public void Begin(FuseSession started)
    {
        session = started;
        obstacle = cache.PassthroughObstacle ?? (started.OffersPassthrough ? Try(started) : "the kernel does not offer it (Linux 6.9 does)");
        if (obstacle is { } reason)
            log.ServedOnly(reason);
    }

    /// <summary>Opens a file for which the caller holds a use, which goes over to the open, or ends with a failure.</summary>
    public ValueTask<FuseResult<FuseOpen>> OpenAsync(OpenFiles files, OpenFiles.OpenFile file)
    {
        Task? deciding = null;
        var (stale, isSentBack) = (0, false);
        lock (file.Gate)
        {
            if (file.BackingId != 0 && file.PassedThrough == 0 && !file.Handle.CanPassThrough)
                (stale, file.BackingId) = (file.BackingId, 0);

            if (file.Deciding is not null)
                deciding = file.Deciding;
            else if (file.BackingId != 0)
                return new(PassThrough(file));
            else if (file.Served > 0 && file.Handle.CanPassThrough && obstacle is null && MaySendBack(file))
                (file.SentBack, isSentBack) = (time.GetTimestamp(), true);
            else if (file.Served > 0 || obstacle is not null || (file.Handle.Ready.IsCompleted && !file.Handle.IsSealed))
                Serve(file);
            else
                deciding = file.Deciding = DecideAsync(file);
        }

        if (stale != 0)
            session!.CloseBacking(stale);
        if (deciding is not null)
            return OpenDecidedAsync(file, deciding);
        if (!isSentBack)
            return new(Served);
        files.EndUse(file);
        return new(Errno.ESTALE);
    }

    /// <summary>The node id of a file for whoever opens it next: once it is sealed, one under which nobody reads it through us.</summary>
    public NodeId IdForNextOpen(OpenFiles files, uint ordinal, int index, ObjectKey key)
    {
        var generation = 0;
        if (obstacle is null && cache.IsSealed(key))
        {
            for (generation = 1; generation < NodeId.LastGeneration && files.IsServed(NodeId.Of(ordinal, index, generation).Value);)
                generation++;
        }

        return NodeId.Of(ordinal, index, generation);
    }

    /// <summary>Nobody has the file open any more.</summary>
    public void End(OpenFiles.OpenFile file)
    {
        int backing;
        lock (file.Gate)
            (backing, file.BackingId) = (file.BackingId, 0);
        if (backing != 0)
            session!.CloseBacking(backing);

        // What was read through us lies in the kernel's cache a second time, and the next open will not look there.
        else if (obstacle is null && file.Handle.CanPassThrough)
            session!.InvalidateInode(file.Node, 0, 0);
    }

    private async ValueTask<FuseResult<FuseOpen>> OpenDecidedAsync(OpenFiles.OpenFile file, Task? deciding)
    {
        while (true)
        {
            await deciding!.ConfigureAwait(false);
            lock (file.Gate)
            {
                deciding = file.Deciding;
                if (deciding is null)
                    return file.BackingId != 0 ? PassThrough(file) : Serve(file);
            }
        }
    }

    /// <summary>Never fails.</summary>
    private async Task DecideAsync(OpenFiles.OpenFile file)
    {
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        var backing = 0;
        try
        {
            backing = await BeginBackingAsync(file.Handle).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            // Whatever it was, the open is served.
            log.NotPassedThrough(e.Message);
        }
        finally
        {
            lock (file.Gate)
                (file.BackingId, file.Deciding) = (backing, null);
        }
    }

    private async Task<int> BeginBackingAsync(ObjectHandle handle)
    {
        await handle.Ready.WaitAsync(DecisionLimit, time).ConfigureAwait(false);
        if (!handle.IsSealed)
            return 0;
        var opening = handle.OpenForKernelAsync();
        try
        {
            await opening.WaitAsync(DecisionLimit, time).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            _ = opening.ContinueWith(static late => late.Result?.Dispose(), CancellationToken.None, TaskContinuationOptions.OnlyOnRanToCompletion, TaskScheduler.Default);
            throw;
        }

        using var file = await opening.ConfigureAwait(false);
        if (file is null)
            return 0;
        var error = session!.TryOpenBacking(file, out var backing);
        if (error == Errno.None)
            return backing;
        if (error != Errno.ENODEV && ObstacleOf(error) is { } reason && Interlocked.Exchange(ref obstacle, reason) is null)
            log.ServedOnly(reason);
        return 0;
    }

    /// <summary>Gives the kernel a file for a moment: whether it takes them, the status says before anybody opens one.</summary>
    private string? Try(FuseSession started)
    {
        try
        {
            using var sample = cache.OpenSample();
            var error = started.TryOpenBacking(sample, out var backing);
            if (error == Errno.None)
                started.CloseBacking(backing);
            return ObstacleOf(error);
        }
        catch (IOException e)
        {
            // The first open of a complete file tells.
            log.NotPassedThrough(e.Message);
            return null;
        }
    }

    private static string? ObstacleOf(Errno error) => error switch
    {
        Errno.None => null,
        Errno.EPERM => "the daemon lacks CAP_SYS_ADMIN",
        Errno.ELOOP => "the cache lies on a filesystem that is stacked on another",
        _ => $"the kernel refuses a backing file with {error}",
    };

    private bool MaySendBack(OpenFiles.OpenFile file) => file.SentBack is not { } before || time.GetElapsedTime(before) > SendBackOnceIn;

    private FuseResult<FuseOpen> PassThrough(OpenFiles.OpenFile file)
    {
        counters.Add(OpenWay.PassedThrough);
        file.PassedThrough++;
        return new FuseOpen(0, FuseOpenFlags.Passthrough, file.BackingId);
    }

    private FuseResult<FuseOpen> Serve(OpenFiles.OpenFile file)
    {
        counters.Add(
            obstacle is not null ? OpenWay.Obstructed
            : !file.Handle.IsSealed ? OpenWay.Incomplete
            : file.Served > 0 ? OpenWay.Held
            : OpenWay.Unverified);
        file.Served++;
        return Served;
    }
}
