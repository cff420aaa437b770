using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using ModelFs.Fuse.Interop;

namespace ModelFs.Fuse.Device;

/// <summary><c>/dev/fuse</c>, each descriptor of which that is mounted is one connection.</summary>
internal sealed class KernelDevice(SafeFileHandle handle) : IFuseDevice
{
    public const string Path = "/dev/fuse";

    public SafeFileHandle Handle { get; } = handle;

    /// <summary>False once the mount is gone or its connection was aborted, also while a thread has not read that yet.</summary>
    public bool IsConnected
    {
        get
        {
            bool taken = false;
            try
            {
                Handle.DangerousAddRef(ref taken);
                var device = new PollDescriptor { Descriptor = (int)Handle.DangerousGetHandle() };
                return LibC.poll(ref device, 1, 0) == 0 || (device.Returned & LibC.POLLERR) == 0;
            }
            catch (ObjectDisposedException)
            {
                return false;
            }
            finally
            {
                if (taken)
                    Handle.DangerousRelease();
            }
        }
    }

    /// <summary>Opens a device that is not mounted yet.</summary>
    public static Errno TryOpen(out KernelDevice? device)
    {
        SafeFileHandle handle = LibC.open(Path, LibC.O_RDWR | LibC.O_CLOEXEC, 0);
        if (handle.IsInvalid)
        {
            var error = (Errno)Marshal.GetLastPInvokeError();
            handle.Dispose();
            device = null;
            return error;
        }

        device = new KernelDevice(handle);
        return Errno.None;
    }

    public int Read(Span<byte> request)
    {
        while (true)
        {
            nint count;
            try
            {
                count = LibC.read(Handle, ref MemoryMarshal.GetReference(request), request.Length);
            }
            catch (ObjectDisposedException)
            {
                return 0;
            }

            if (count >= 0)
                return (int)count;

            var error = (Errno)Marshal.GetLastPInvokeError();
            switch (error)
            {
                // ENOENT: the request was interrupted while it was being copied.
                case Errno.EINTR or Errno.EAGAIN or Errno.ENOENT:
                    continue;
                // ECONNABORTED comes in place of ENODEV where ABORT_ERROR was negotiated.
                case Errno.ENODEV or Errno.ECONNABORTED:
                    return 0;
                default:
                    throw new IOException($"reading {Path} failed with {error}");
            }
        }
    }

    public unsafe Errno Write(ReadOnlySpan<byte> header, ReadOnlySpan<byte> payload)
    {
        fixed (byte* first = header, second = payload)
        {
            var parts = stackalloc IoVector[2];
            parts[0] = new IoVector { Base = first, Length = (nuint)header.Length };
            parts[1] = new IoVector { Base = second, Length = (nuint)payload.Length };
            while (true)
            {
                try
                {
                    if (LibC.writev(Handle, parts, payload.IsEmpty ? 1 : 2) >= 0)
                        return Errno.None;
                }
                catch (ObjectDisposedException)
                {
                    return Errno.ENODEV;
                }

                var error = (Errno)Marshal.GetLastPInvokeError();
                switch (error)
                {
                    case Errno.EINTR:
                        continue;
                    // EPERM is what a descriptor says that was never mounted, or whose connection is gone.
                    case Errno.EPERM or Errno.ENOTCONN or Errno.ECONNABORTED:
                        return Errno.ENODEV;
                    default:
                        return error;
                }
            }
        }
    }

    public Errno OpenBacking(SafeFileHandle file, out int backingId)
    {
        backingId = 0;
        bool taken = false;
        try
        {
            file.DangerousAddRef(ref taken);
            var map = new BackingMap { Descriptor = (int)file.DangerousGetHandle() };
            backingId = LibC.ioctl(Handle, LibC.FUSE_DEV_IOC_BACKING_OPEN, in map);
            return backingId > 0 ? Errno.None : (Errno)Marshal.GetLastPInvokeError();
        }
        catch (ObjectDisposedException)
        {
            return Errno.ENODEV;
        }
        finally
        {
            if (taken)
                file.DangerousRelease();
        }
    }

    public Errno CloseBacking(int backingId)
    {
        try
        {
            return LibC.ioctl(Handle, LibC.FUSE_DEV_IOC_BACKING_CLOSE, (uint)backingId) == 0 ? Errno.None : (Errno)Marshal.GetLastPInvokeError();
        }
        catch (ObjectDisposedException)
        {
            return Errno.ENODEV;
        }
    }

    public void Dispose() => Handle.Dispose();
}
