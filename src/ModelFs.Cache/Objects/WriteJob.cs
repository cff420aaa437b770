using ModelFs.Cache.Disk;
using ModelFs.Cache.Fetching;

namespace ModelFs.Cache.Objects;

/// <summary>Stores blocks that have arrived, on a writer's thread.</summary>
internal sealed class WriteJob(CachedObject owner, WriteQueue queue) : IWork
{
    /// <summary>Hands a whole block to the writers.</summary>
    public static void Post(CachedObject owner, WriteQueue queue, InflightBlock block)
    {
        queue.Add(block);
        var job = new WriteJob(owner, queue);
        if (!owner.Resources.Writers.Post(job))
            job.GiveUp();
    }

    public void Run()
    {
        if (queue.Take() is not { Length: > 0 } run || TryStore(run))
            return;
        foreach (var block in run)
            TryStore([block]);
    }

    /// <summary>Instead of <see cref="Run"/>: the disk does not answer, and the memory is needed.</summary>
    public void GiveUp()
    {
        if (queue.Take() is { Length: > 0 } run)
            owner.Written(run, isStored: false);
    }

    /// <summary>False when they are too many at once.</summary>
    private bool TryStore(InflightBlock[] run)
    {
        bool? isStored = false;
        try
        {
            isStored = owner.Disk.TryWrite(run);
        }
        catch (Exception e)
        {
            Log.Unexpected(owner.Resources.Log, e, "storing blocks");
        }

        if (isStored is { } known)
            owner.Written(run, known);
        return isStored is not null;
    }
}
