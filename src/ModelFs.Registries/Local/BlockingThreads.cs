namespace ModelFs.Registries.Local;

/// <summary>
/// Threads of our own for what blocks (SQLite, directories, files), never the .NET pool's: a mount that hangs takes these and no others.
/// They come as they are needed, and end when there has been nothing to do for a while.
/// </summary>
/// <param name="name">What they stand in, as tools that show threads have it.</param>
/// <param name="most">Calls at a time.</param>
internal sealed class BlockingThreads(string name, int most)
{
    private static readonly TimeSpan IdleLimit = TimeSpan.FromSeconds(10);

    private readonly LinkedList<Action> waiting = [];
    private int threads;
    private int idle;

    /// <summary>Runs a call and gives what it gave. A caller whose time is up leaves; the thread comes back when the system call does.</summary>
    /// <param name="unclaimed">Gets, on the thread, what came when nobody waited for it any more.</param>
    public async Task<T> RunAsync<T>(Func<T> call, CancellationToken cancellation, Action<T>? unclaimed = null)
    {
        var done = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        var work = Post(() =>
        {
            try
            {
                var result = call();
                if (!done.TrySetResult(result)) unclaimed?.Invoke(result);
            }
            catch (Exception e)
            {
                done.TrySetException(e);
            }
        });
        await using var registration = cancellation.UnsafeRegister(_ =>
        {
            Withdraw(work);
            done.TrySetCanceled(cancellation);
        }, null);
        return await done.Task;
    }

    /// <summary>Runs what nobody waits for, and what never throws.</summary>
    public LinkedListNode<Action> Post(Action work)
    {
        lock (waiting)
        {
            var node = waiting.AddLast(work);
            if (waiting.Count <= idle)
            {
                Monitor.Pulse(waiting);
            }
            else if (threads < most)
            {
                // Counted once it runs: a container that is out of threads now may have one later.
                new Thread(Loop) { IsBackground = true, Name = $"modelfs-{name}" }.Start();
                threads++;
            }

            return node;
        }
    }

    /// <summary>What has not begun never will: while all threads hang, those who give up leave nothing behind.</summary>
    private void Withdraw(LinkedListNode<Action> work)
    {
        lock (waiting)
        {
            if (work.List is not null) waiting.Remove(work);
        }
    }

    private void Loop()
    {
        while (Take() is { } work) work();
    }

    /// <summary>The next piece of work, or null when this thread shall end.</summary>
    private Action? Take()
    {
        lock (waiting)
        {
            while (waiting.First is null)
            {
                idle++;
                var pulsed = Monitor.Wait(waiting, IdleLimit);
                idle--;
                if (pulsed || waiting.First is not null) continue;
                threads--;
                return null;
            }

            var work = waiting.First.Value;
            waiting.RemoveFirst();
            return work;
        }
    }
}
