using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using ModelFs.Fuse.Interop;

namespace ModelFs.Fuse.Mounting;

/// <summary>What the kernel lets one do to a mount from outside: its read-ahead, and the end of its connection.</summary>
/// <param name="device">The mount's device as mountinfo has it, <c>0:45</c>. The minor is the number of the connection.</param>
internal sealed class ConnectionControl(string device)
{
    private const string FuseControl = "/sys/fs/fuse/connections";

    private readonly string connection = device[(device.IndexOf(':') + 1)..];

    /// <returns>What went wrong, or null. Only root may.</returns>
    public string? TrySetReadAhead(int kibibytes, out string path)
    {
        path = $"/sys/class/bdi/{device}/read_ahead_kb";
        try
        {
            File.WriteAllText(path, kibibytes.ToString(System.Globalization.CultureInfo.InvariantCulture));
            return null;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return failure.Message;
        }
    }

    /// <summary>Ends the connection: whoever waits gets an error, also those with files open on a detached mount.</summary>
    /// <returns>False when it is not ours to end. True also when it has ended by itself.</returns>
    public bool TryAbort()
    {
        if (Directory.Exists(Path.Join(FuseControl, connection)))
        {
            using SafeFileHandle control = LibC.open(Path.Join(FuseControl, connection, "abort"), LibC.O_WRONLY | LibC.O_CLOEXEC, 0);
            return TryWrite(control);
        }

        // The control filesystem is not mounted in most containers. A mount of it that is in no tree does as well.
        using SafeFileHandle context = LibC.fsopen("fusectl");
        if (context.IsInvalid || LibC.fsconfig(context, LibC.FSCONFIG_CMD_CREATE) != 0)
            return false;

        using SafeFileHandle root = LibC.fsmount(context);
        if (root.IsInvalid)
            return false;

        using SafeFileHandle abort = LibC.openat(root, $"{connection}/abort", LibC.O_WRONLY | LibC.O_CLOEXEC, 0);
        return abort.IsInvalid ? (Errno)Marshal.GetLastPInvokeError() == Errno.ENOENT : TryWrite(abort);
    }

    private static bool TryWrite(SafeFileHandle abort) => !abort.IsInvalid && LibC.write(abort, (byte)'1', 1) == 1;
}
