namespace ModelFs.Cache.Disk;

/// <summary>A piece of work that may block on a disk.</summary>
internal interface IWork
{
    /// <summary>Never throws: a thread that dies takes its failure domain with it.</summary>
    void Run();
}

/// <summary>Threads of our own for what may block: a disk that hangs takes these and no others, never the .NET pool.</summary>
internal sealed class WorkThreads : IDisposable
{
    /// <summary>Longer than a busy disk takes for a block or a small file, shorter than a reader's patience: what runs for longer hangs, and nobody waits for it.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);

    private readonly Queue<IWork> queue = new();
    private readonly Thread[] threads;
    private readonly long[] begun;
    private bool closed;

    public WorkThreads(string name, int count)
    {
        threads = new Thread[count];
        begun = new long[count];
        for (int i = 0; i < count; i++)
        {
            int number = i;
            threads[i] = new Thread(() => Loop(number)) { IsBackground = true, Name = $"modelfs-{name}-{i}" };
            threads[i].Start();
        }
    }

    /// <summary>False once closed: the work will not run.</summary>
    public bool Post(IWork work)
    {
        lock (queue)
        {
            if (closed)
                return false;
            queue.Enqueue(work);
            Monitor.Pulse(queue);
            return true;
        }
    }

    public Task<T> RunAsync<T>(Func<T> function)
    {
        var call = new Call<T>(function);
        if (!Post(call))
            call.Completion.SetException(new ObjectDisposedException(nameof(WorkThreads)));
        return call.Completion.Task;
    }

    public Task RunAsync(Action action) => RunAsync<object?>(() =>
    {
        action();
        return null;
    });

    /// <summary>The same for whoever can do without: nothing, where the disk hangs.</summary>
    public async Task<T?> RunOrGiveUpAsync<T>(Func<T> function)
    {
        if (IsStalled)
            return default;
        try
        {
            return await RunAsync(function).WaitAsync(Patience).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            return default;
        }
    }

    /// <summary>How long the slowest piece of work has been running by now.</summary>
    public TimeSpan LongestRun
    {
        get
        {
            long oldest = 0;
            for (int i = 0; i < begun.Length; i++)
            {
                if (Volatile.Read(ref begun[i]) is var start and not 0)
                    oldest = Math.Max(oldest, Environment.TickCount64 - start);
            }

            return TimeSpan.FromMilliseconds(oldest);
        }
    }

    /// <summary>Some of its work hangs. Only for work that is short on a disk that is well.</summary>
    public bool IsStalled => LongestRun >= Patience;

    /// <summary>How long it is worth waiting for: not at all while something hangs.</summary>
    public TimeSpan PatienceNow => IsStalled ? TimeSpan.Zero : Patience;

    /// <summary>Takes what has not begun out of the queue.</summary>
    public List<IWork> Drain()
    {
        lock (queue)
        {
            var taken = new List<IWork>(queue);
            queue.Clear();
            return taken;
        }
    }

    /// <summary>Lets the queue run empty; gives up waiting after <paramref name="limit"/> (the threads are background threads).</summary>
    /// <returns>Whether all of them have ended.</returns>
    public bool Close(TimeSpan limit)
    {
        Dispose();
        long end = Environment.TickCount64 + (long)limit.TotalMilliseconds;
        return threads.All(thread => thread.Join((int)Math.Max(0, end - Environment.TickCount64)));
    }

    /// <summary>Lets the queue run empty, however long that takes.</summary>
    public void Close()
    {
        Dispose();
        foreach (var thread in threads)
            thread.Join();
    }

    public void Dispose()
    {
        lock (queue)
        {
            closed = true;
            Monitor.PulseAll(queue);
        }
    }

    private void Loop(int number)
    {
        while (true)
        {
            IWork work;
            lock (queue)
            {
                while (queue.Count == 0)
                {
                    if (closed)
                        return;
                    Monitor.Wait(queue);
                }

                work = queue.Dequeue();
            }

            Volatile.Write(ref begun[number], Environment.TickCount64);
            work.Run();
            Volatile.Write(ref begun[number], 0);
        }
    }

    private sealed class Call<T>(Func<T> function) : IWork
    {
        public TaskCompletionSource<T> Completion { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public void Run()
        {
            try
            {
                Completion.SetResult(function());
            }
            catch (Exception e)
            {
                Completion.SetException(e);
            }
        }
    }
}
