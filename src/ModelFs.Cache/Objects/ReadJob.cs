using ModelFs.Cache.Disk;

namespace ModelFs.Cache.Objects;

/// <summary>A read on a disk thread. Whoever gives it up, because they were cancelled or the disk hangs, has their memory back at once, however long it goes on.</summary>
internal sealed class ReadJob(ObjectDisk disk, long offset, Memory<byte> destination)
    : TaskCompletionSource<int>(TaskCreationOptions.RunContinuationsAsynchronously), IWork
{
    private readonly Lock gate = new();
    private bool isGivenUp;

    /// <returns>Bytes; null when the disk hangs.</returns>
    public static async ValueTask<int?> RunAsync(CacheResources resources, ObjectDisk disk, long offset, Memory<byte> destination, CancellationToken cancellation)
    {
        await resources.ReadSlots.WaitAsync(cancellation).ConfigureAwait(false);
        try
        {
            if (resources.Readers.IsStalled)
                return null;
            var job = new ReadJob(disk, offset, destination);
            if (!resources.Readers.Post(job))
                throw new OperationCanceledException("the cache is closed");
            try
            {
                // It may wait long behind others on a disk that is slow: only one that hangs is given up.
                while (true)
                {
                    try
                    {
                        return await job.Task.WaitAsync(WorkThreads.Patience, cancellation).ConfigureAwait(false);
                    }
                    catch (TimeoutException) when (!resources.Readers.IsStalled)
                    {
                    }
                }
            }
            catch (TimeoutException)
            {
                return null;
            }
            finally
            {
                job.GiveUp();
            }
        }
        finally
        {
            resources.ReadSlots.Release();
        }
    }

    public void Run()
    {
        if (isGivenUp)
            return;
        try
        {
            SetResult(disk.Read(offset, destination.Length, this));
        }
        catch (Exception e)
        {
            SetException(e);
        }
    }

    /// <summary>Takes bytes that have been read. False when nobody waits for them any more.</summary>
    public bool TryTake(ReadOnlySpan<byte> bytes, int at)
    {
        lock (gate)
        {
            if (!isGivenUp)
                bytes.CopyTo(destination.Span[at..]);
            return !isGivenUp;
        }
    }

    private void GiveUp()
    {
        lock (gate)
            isGivenUp = true;
    }
}
