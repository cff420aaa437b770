using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging;
using ModelFs.Fuse.Device;
using ModelFs.Fuse.Interop;

namespace ModelFs.Fuse.Mounting;

internal static class Mounter
{
    /// <summary>Mounts on a path that is fit for it, with our own privileges or with those of <c>fusermount3</c>.</summary>
    /// <exception cref="FuseMountException"/>
    public static KernelDevice Mount(string path, FuseMountOptions options, ILogger logger)
    {
        Errno opened = KernelDevice.TryOpen(out KernelDevice? device);
        switch (opened)
        {
            case Errno.None:
                break;
            case Errno.ENOENT or Errno.ENODEV or Errno.ENXIO:
                throw new FuseMountException($"{KernelDevice.Path} is not there ({opened}): load the kernel module fuse, or give the container the device");
            case Errno.EACCES or Errno.EPERM when LibC.geteuid() != 0:
                // fusermount3 opens it as the caller too, so that its permissions decide.
                throw new FuseMountException($"{KernelDevice.Path} may not be opened by user {LibC.geteuid()}: its mode must be 0666, as distributions set it");
            default:
                throw new FuseMountException($"{KernelDevice.Path} could not be opened ({opened}): a container needs the device, and a cgroup that allows it");
        }

        Errno mounted = TryMount(device!, path, options);
        if (mounted == Errno.None)
            return device!;

        device!.Dispose();
        if (mounted == Errno.EPERM)
            return new KernelDevice(Fusermount.Mount(path, options, logger));

        throw new FuseMountException($"{path} could not be mounted: {mounted}");
    }

    private static Errno TryMount(KernelDevice device, string path, FuseMountOptions options)
    {
        const nuint flags = LibC.MS_RDONLY | LibC.MS_NOSUID | LibC.MS_NODEV | LibC.MS_NOATIME;

        // rootmode is S_IFDIR, in octal. default_permissions: the kernel checks modes, which ALLOW_IDMAP needs.
        string data = $"fd={device.Handle.DangerousGetHandle()},rootmode=40000,user_id={LibC.geteuid()},group_id={LibC.getegid()},"
            + "allow_other,default_permissions";
        return LibC.mount(options.Name, path, options.FileSystemType, flags, data) == 0 ? Errno.None : (Errno)Marshal.GetLastPInvokeError();
    }
}
