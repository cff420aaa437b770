namespace ModelFs.Registries.Http;

/// <summary>
/// The way back to the pool. In the daemon what waits for a socket goes on where the socket is read, on one of a few threads that all
/// connections share: right for bytes that are only handed on, wrong for whoever takes an answer apart, or holds a lock while a disk hangs.
/// </summary>
internal static class PoolThread
{
    /// <summary>Goes on at once on a thread of the pool, else on one.</summary>
    public static async ValueTask EnterAsync()
    {
        if (!Thread.CurrentThread.IsThreadPoolThread)
            await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
    }
}
