namespace ModelFs.Fuse;

/// <summary>Who asks, and whether they still want the answer. Valid until the handler's task completes.</summary>
public sealed class FuseRequest
{
    public ulong Unique => throw new NotImplementedException();

    public uint Uid => throw new NotImplementedException();

    public uint Gid => throw new NotImplementedException();

    /// <summary>0 for a reader in another pid namespace.</summary>
    public uint Pid => throw new NotImplementedException();

    /// <summary>Fires when the caller was interrupted, when the deadline passes, and when the session ends.</summary>
    public CancellationToken Cancelled => throw new NotImplementedException();
}
