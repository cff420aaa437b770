using ModelFs.Cache.Disk;
using ModelFs.Cache.Fetching;

namespace ModelFs.Cache.Objects;

/// <summary>Stores one block that has arrived, on a writer's thread.</summary>
internal sealed class WriteJob(CachedObject owner, InflightBlock block) : IWork
{
    public void Run()
    {
        bool isStored = false;
        try
        {
            isStored = owner.Disk.TryWrite(block);
        }
        catch (Exception e)
        {
            Log.Unexpected(owner.Resources.Log, e, "storing a block");
        }

        owner.Written(block, isStored);
    }

    /// <summary>Instead of <see cref="Run"/>: the disk does not answer, and the memory is needed.</summary>
    public void GiveUp() => owner.Written(block, isStored: false);
}
