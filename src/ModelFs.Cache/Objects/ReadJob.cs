using ModelFs.Cache.Disk;

namespace ModelFs.Cache.Objects;

/// <summary>A read on a disk thread. Once it has begun it is waited for, cancelled or not: it writes into the caller's memory.</summary>
internal sealed class ReadJob(ObjectDisk disk, long offset, Memory<byte> destination)
    : TaskCompletionSource<int>(TaskCreationOptions.RunContinuationsAsynchronously), IWork
{
    private int begun;

    public static async ValueTask<int> RunAsync(CacheResources resources, ObjectDisk disk, long offset, Memory<byte> destination, CancellationToken cancellation)
    {
        await resources.ReadSlots.WaitAsync(cancellation).ConfigureAwait(false);
        try
        {
            var job = new ReadJob(disk, offset, destination);
            if (!resources.Readers.Post(job))
                throw new OperationCanceledException("the cache is closed");
            await using var registration = cancellation.UnsafeRegister(static (job, token) => ((ReadJob)job!).GiveUp(token), job).ConfigureAwait(false);
            return await job.Task.ConfigureAwait(false);
        }
        finally
        {
            resources.ReadSlots.Release();
        }
    }

    public void Run()
    {
        if (Interlocked.Exchange(ref begun, 1) != 0)
            return;
        try
        {
            SetResult(disk.Read(offset, destination.Span));
        }
        catch (Exception e)
        {
            SetException(e);
        }
    }

    private void GiveUp(CancellationToken cancellation)
    {
        if (Interlocked.Exchange(ref begun, 1) == 0)
            SetCanceled(cancellation);
    }
}
