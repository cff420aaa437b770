using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging;
using ModelFs.Fuse.Protocol;

namespace ModelFs.Fuse.Session;

/// <summary>Writes replies. Each method says whether the kernel took it; false also means that the caller gave up meanwhile.</summary>
internal sealed class ReplyChannel(IFuseDevice device, ILogger logger)
{
    /// <summary>The kernel takes errors from 1 to 511 (it keeps those above for itself), and leaves a request with any other unanswered.</summary>
    private const int LargestErrno = 511;

    public bool Done(ulong unique) => Send(unique, Errno.None, default);

    public bool Error(ulong unique, Errno error)
    {
        if ((int)error is <= 0 or > LargestErrno)
            error = Errno.EIO;
        return Send(unique, error, default);
    }

    public bool Struct<T>(ulong unique, in T payload)
        where T : unmanaged =>
        Send(unique, Errno.None, MemoryMarshal.AsBytes(new ReadOnlySpan<T>(in payload)));

    public bool Bytes(ulong unique, ReadOnlySpan<byte> payload) => Send(unique, Errno.None, payload);

    private bool Send(ulong unique, Errno error, ReadOnlySpan<byte> payload)
    {
        var header = new OutHeader { Length = (uint)(OutHeader.Size + payload.Length), Error = -(int)error, Unique = unique };
        Errno written = device.Write(MemoryMarshal.AsBytes(new ReadOnlySpan<OutHeader>(in header)), payload);
        switch (written)
        {
            case Errno.None:
                return true;
            case Errno.ENOENT or Errno.ENODEV:
                return false;
        }

        // A reply that the kernel refuses would leave the caller waiting for ever; an error always fits.
        Log.ReplyRefused(logger, unique, payload.Length, written);
        header = new OutHeader { Length = OutHeader.Size, Error = -(int)Errno.EIO, Unique = unique };
        device.Write(MemoryMarshal.AsBytes(new ReadOnlySpan<OutHeader>(in header)), default);
        return false;
    }
}
