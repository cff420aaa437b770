namespace ModelFs.Cache.Fetching;

/// <summary>How many requests run at once, shared by registries: each takes at most half of what the others leave, so that those that hang leave places to all who come later.</summary>
/// <remarks>Of 192 places the first registry that hangs holds 96, the second 48, the third 24. One place each registry always finds.</remarks>
internal sealed class FetchPlaces(int total)
{
    private readonly Lock gate = new();
    private readonly Dictionary<string, Share> shares = [];
    private int taken;

    public int Taken => Volatile.Read(ref taken);

    /// <summary>Waits for a place, behind those of the same registry that came before.</summary>
    public async ValueTask EnterAsync(string owner, CancellationToken cancellation)
    {
        TaskCompletionSource waiter;
        lock (gate)
        {
            if (!shares.TryGetValue(owner, out var share))
                shares.Add(owner, share = new Share());
            if (share.Waiting.Count == 0 && MayTake(share))
            {
                Take(share);
                return;
            }

            share.Waiting.Enqueue(waiter = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        }

        await using var registration = cancellation.Register(() => waiter.TrySetCanceled(cancellation)).ConfigureAwait(false);
        await waiter.Task.ConfigureAwait(false);
    }

    public void Leave(string owner)
    {
        lock (gate)
        {
            shares[owner].Taken--;
            taken--;
            foreach (var share in shares.Values)
                Serve(share);
        }
    }

    private void Serve(Share share)
    {
        while (MayTake(share) && share.Waiting.TryDequeue(out var waiter))
        {
            if (waiter.TrySetResult())
                Take(share);
        }
    }

    private bool MayTake(Share share) => share.Taken < Math.Max(1, (total - (taken - share.Taken)) / 2);

    private void Take(Share share)
    {
        share.Taken++;
        taken++;
    }

    private sealed class Share
    {
        public int Taken { get; set; }

        public Queue<TaskCompletionSource> Waiting { get; } = new();
    }
}
