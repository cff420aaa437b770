namespace ModelFs.Registries.Local;

/// <summary>
/// Runs what blocks (SQLite, directories) off the caller's thread, at most four at a time: a store on a mount that hangs takes four
/// threads of the pool and no more. A caller whose time is up leaves; the thread comes back when the system call does.
/// </summary>
internal sealed class BlockingCalls
{
    private readonly SemaphoreSlim free = new(4);

    public async Task<T> RunAsync<T>(Func<T> call, CancellationToken cancellation)
    {
        await free.WaitAsync(cancellation);
        var running = Task.Run(() =>
        {
            try
            {
                return call();
            }
            finally
            {
                free.Release();
            }
        }, CancellationToken.None);
        return await running.WaitAsync(cancellation);
    }
}
