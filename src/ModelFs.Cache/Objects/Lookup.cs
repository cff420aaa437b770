namespace ModelFs.Cache.Objects;

/// <summary>When one object may be read: what the disk has of it has been looked up, or the disk hangs and readers do without.</summary>
internal sealed class Lookup(CachedObject owner)
{
    /// <summary>A second opens an index of 50 million blocks; a slow disk is no disk that hangs, and to fetch anew what is here costs more.</summary>
    private static readonly TimeSpan OpeningPatience = TimeSpan.FromSeconds(30);

    private volatile Task ready = Task.CompletedTask;
    private volatile Task loading = Task.CompletedTask;

    /// <summary>Never fails.</summary>
    public Task Ready => ready;

    /// <summary>Nothing is being looked up any more, waited for or not.</summary>
    public bool IsEnded => loading.IsCompleted && ready.IsCompleted;

    /// <param name="begun">Never fails.</param>
    public void Begin(Task begun)
    {
        loading = begun;
        ready = begun.IsCompleted ? begun : WaitAsync(begun);
    }

    /// <summary>Looks whether somebody touched the file while it was closed.</summary>
    public void BeginAgain() => ready = LookAgainAsync(ready);

    private async Task WaitAsync(Task begun)
    {
        await ((Task)Task.WhenAny(begun, owner.Resources.Index.Opened)).WaitAsync(OpeningPatience).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await begun.WaitAsync(owner.Resources.Readers.PatienceNow).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        owner.GoOnWithoutDisk();
    }

    private async Task LookAgainAsync(Task former)
    {
        await former.ConfigureAwait(false);
        try
        {
            var readers = owner.Resources.Readers;
            await readers.RunAsync(owner.Disk.DistrustIfTouched).WaitAsync(readers.PatienceNow).ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException or TimeoutException)
        {
            owner.Touched();
        }
    }
}
