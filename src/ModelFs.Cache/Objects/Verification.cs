using ModelFs.Cache.Disk;

namespace ModelFs.Cache.Objects;

/// <summary>Reads a sealed object again that has been through a crash, or whose file was touched, and vouches for it anew if each block is right.</summary>
internal sealed class Verification(CachedObject owner, BlockMap map) : IWork
{
    public void Run()
    {
        bool isRight = false;
        try
        {
            isRight = Verify();
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            Log.SealFailed(owner.Resources.Log, owner.Name, e.Message);
        }
        catch (Exception e)
        {
            Log.Unexpected(owner.Resources.Log, e, "verifying");
        }

        owner.Verified(isRight);
    }

    private bool Verify()
    {
        owner.Disk.DistrustIfTouched();
        for (int block = 0; block < map.Count; block++)
        {
            if (owner.Resources.Closing.IsCancellationRequested)
                return false;
            if (map[block] == BlockState.Present && !owner.Disk.Verify(block))
                owner.Disk.Drop(block);
        }

        owner.Disk.DistrustIfTouched();
        if (!owner.IsSealed || map.Size == 0 || !map.IsVerified(0, map.Count - 1))
            return false;
        try
        {
            return Sidecar.TryWrite(owner);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // It is right all the same; the next start has to look again.
            Log.SealFailed(owner.Resources.Log, owner.Name, e.Message);
            return true;
        }
    }
}
