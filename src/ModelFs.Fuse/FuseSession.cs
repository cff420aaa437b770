namespace ModelFs.Fuse;

/// <summary>The conversation with the kernel over one device: handshake, dispatch, replies, deadlines.</summary>
public sealed class FuseSession
{
    /// <summary>Tells the kernel to forget a name. Sent from a thread of its own, so that no caller can deadlock with a lookup in the same directory.</summary>
    public void InvalidateEntry(ulong parent, ReadOnlyMemory<byte> name) => throw new NotImplementedException();

    /// <summary>Tells the kernel to drop cached attributes, and the pages of <c>[offset, offset+length)</c> (length 0: to the end; offset below 0: attributes only).</summary>
    public void InvalidateInode(ulong node, long offset, long length) => throw new NotImplementedException();
}
