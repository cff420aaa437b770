using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using ModelFs.Control;

namespace ModelFs.Prefetching;

/// <summary>Keeps configured paths complete: from the start, and again whenever an alias in them moves.</summary>
/// <remarks>
/// One path and one file at a time; what a prefetch fetches stands behind what readers wait for. A path that fails is tried again after
/// 5 s, 10 s and so on, up to 10 minutes.
/// </remarks>
internal sealed class WarmPaths(LocalStore store, IReadOnlyList<string> paths, TimeSpan aliasTtl, TimeProvider time, ILogger log) : BackgroundService
{
    private static readonly TimeSpan FirstRetry = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan LastRetry = TimeSpan.FromMinutes(10);

    private static readonly PrefetchOptions Gently = new([], Jobs: 1);

    /// <summary>Asking more often than aliases are asked for would be answered from memory.</summary>
    private readonly TimeSpan lookEvery = aliasTtl > TimeSpan.FromSeconds(1) ? aliasTtl : TimeSpan.FromSeconds(1);

    private readonly SemaphoreSlim turn = new(1);

    public override void Dispose()
    {
        turn.Dispose();
        base.Dispose();
    }

    protected override Task ExecuteAsync(CancellationToken stoppingToken)
    {
        foreach (var path in paths)
            store.Warm[path] = new WarmReport(path, WarmState.Waiting, null, null);
        return Task.WhenAll(paths.Select(path => KeepAsync(path, stoppingToken)));
    }

    private async Task KeepAsync(string path, CancellationToken stop)
    {
        string? complete = null;
        var retry = FirstRetry;
        while (!stop.IsCancellationRequested)
        {
            var wait = lookEvery;
            try
            {
                var target = (await store.ResolveAsync(path, stop)).Path;
                if (target != complete)
                    await FetchAsync(path, target, stop);
                complete = target;
                store.Warm[path] = new WarmReport(path, WarmState.Complete, target, null);
                retry = FirstRetry;
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                // Nothing that goes wrong with what somebody may read later takes the mount from those who read now.
                if (store.Warm[path].Error != e.Message)
                    Log.WarmFails(log, path, e.Message);
                store.Warm[path] = new WarmReport(path, WarmState.Failed, store.Warm[path].Target, e.Message);
                wait = retry;
                retry = retry * 2 < LastRetry ? retry * 2 : LastRetry;
            }

            await Task.Delay(wait, time, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task FetchAsync(string path, string target, CancellationToken stop)
    {
        await turn.WaitAsync(stop);
        try
        {
            // What failed before stays said until it is mended.
            store.Warm[path] = new WarmReport(path, WarmState.Fetching, target, store.Warm[path].Error);
            string? failure = null;
            await foreach (var report in store.PrefetchAsync(new PrefetchRequest([target], Gently), stop))
                failure ??= report.Finished.Where(f => f.Error is not null).Select(f => f.File == target ? f.Error : $"{f.File}: {f.Error}").FirstOrDefault();
            if (failure is not null)
                throw new CommandException(failure);
            Log.WarmComplete(log, path, target);
        }
        finally
        {
            turn.Release();
        }
    }
}
