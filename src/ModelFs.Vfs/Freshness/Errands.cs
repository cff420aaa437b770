namespace ModelFs.Vfs.Freshness;

/// <summary>Work that goes on when nobody waits for it: questions to a registry, answers on their way to the disk.</summary>
internal sealed class Errands : IAsyncDisposable
{
    /// <summary>What a stop waits for stragglers: a question ends when it is cancelled, a write of some kilobytes when the disk is well.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private readonly CancellationTokenSource stop = new();
    private readonly CancellationToken stopping;
    private readonly Lock gate = new();
    private readonly HashSet<Task> running = [];

    public Errands() => stopping = stop.Token;

    /// <summary>Runs it on the pool: whoever begins it may be a thread that reads the kernel's requests.</summary>
    /// <returns>A task that ends when the work has, and never fails: how it went is in what it leaves behind.</returns>
    public Task Run(Func<CancellationToken, Task> work)
    {
        var task = Task.Run(() => work(stopping));
        lock (gate)
            running.Add(task);
        return task.ContinueWith(
            done =>
            {
                lock (gate)
                    running.Remove(done);
            },
            CancellationToken.None,
            TaskContinuationOptions.ExecuteSynchronously,
            TaskScheduler.Default);
    }

    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync().ConfigureAwait(false);
        Task[] left;
        lock (gate)
            left = [.. running];
        await Task.WhenAll(left).WaitAsync(Patience).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        stop.Dispose();
    }
}
