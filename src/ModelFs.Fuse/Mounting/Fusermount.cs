using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;
using ModelFs.Fuse.Interop;

namespace ModelFs.Fuse.Mounting;

/// <summary><c>fusermount3</c>, libfuse's setuid program: it mounts and unmounts for users who may not, and hands over the device that it opened.</summary>
internal static class Fusermount
{
    private const string Program = "fusermount3";

    /// <summary>The program sends the device over the socket whose number this variable gives.</summary>
    private const string SocketVariable = "_FUSE_COMMFD";

    /// <exception cref="FuseMountException">It gives what the program said.</exception>
    public static SafeFileHandle Mount(string path, FuseMountOptions options, ILogger logger)
    {
        string flags = $"ro,nosuid,nodev,noatime,default_permissions,fsname={options.Name},subtype={options.Name}";
        if (options.AllowOther)
        {
            SafeFileHandle? shared = TryMount(path, $"{flags},allow_other", out string refusal);
            if (shared is not null)
                return shared;
            if (!refusal.Contains("allow_other", StringComparison.Ordinal))
                throw Refused(path, refusal);

            Log.OthersNotAllowed(logger, LibC.geteuid(), path);
        }

        return TryMount(path, flags, out string said) ?? throw Refused(path, said);
    }

    /// <summary>Lazily: what is open on it stays usable until it is closed.</summary>
    /// <exception cref="FuseMountException"/>
    public static void Unmount(string path)
    {
        ChildProcess child = Start(["-u", "-z", "--", path], socket: null);
        if (!child.Wait(out string said))
            throw new FuseMountException($"{path} could not be unmounted: {said}");
    }

    private static unsafe SafeFileHandle? TryMount(string path, string mountOptions, out string said)
    {
        int* pair = stackalloc int[2];
        if (LibC.socketpair(LibC.AF_UNIX, LibC.SOCK_STREAM | LibC.SOCK_CLOEXEC, 0, pair) != 0)
            throw new FuseMountException($"no socket for {Program}: {(Errno)Marshal.GetLastPInvokeError()}");

        using var ours = new SafeFileHandle(pair[0], ownsHandle: true);
        ChildProcess child;
        using (var theirs = new SafeFileHandle(pair[1], ownsHandle: true))
            child = Start(["-o", mountOptions, "--", path], theirs);

        SafeFileHandle? device = ReceiveDescriptor(ours);
        bool succeeded = child.Wait(out said);
        if (succeeded)
            return device;

        device?.Dispose();
        return null;
    }

    private static ChildProcess Start(string[] arguments, SafeFileHandle? socket)
    {
        string? variable = socket is null ? null : $"{SocketVariable}={socket.DangerousGetHandle()}";
        Errno error = ChildProcess.TryStart(Program, arguments, socket, variable, out ChildProcess? child);
        if (child is null)
        {
            throw new FuseMountException(error == Errno.ENOENT
                ? $"{Program} is not installed, and without it only root may mount: install the package fuse3"
                : $"{Program} did not start: {error}");
        }

        return child;
    }

    /// <returns>Null when the other side closed without sending any.</returns>
    internal static unsafe SafeFileHandle? ReceiveDescriptor(SafeFileHandle socket)
    {
        byte ignored;
        var part = new IoVector { Base = &ignored, Length = 1 };
        DescriptorMessage control = default;
        var message = new MessageHeader { Parts = &part, PartCount = 1, Control = &control, ControlLength = (nuint)Unsafe.SizeOf<DescriptorMessage>() };
        nint count;
        do
            count = LibC.recvmsg(socket, &message, LibC.MSG_CMSG_CLOEXEC);
        while (count < 0 && (Errno)Marshal.GetLastPInvokeError() == Errno.EINTR);

        bool received = count > 0 && message.ControlLength != 0 && control is { Level: LibC.SOL_SOCKET, Type: LibC.SCM_RIGHTS };
        return received ? new SafeFileHandle(control.Descriptor, ownsHandle: true) : null;
    }

    private static FuseMountException Refused(string path, string said) =>
        new(said.Length == 0 ? $"{Program} did not mount {path}, and did not say why" : $"{Program} did not mount {path}: {said}");
}
