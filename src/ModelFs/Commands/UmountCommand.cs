using System.CommandLine;
using System.Diagnostics;
using ModelFs.Control;
using ModelFs.Fuse;

namespace ModelFs.Commands;

internal static class UmountCommand
{
    /// <summary>For the daemon to unmount, write its index and end.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(15);

    public static Command Create()
    {
        var mountPoint = new Argument<string>("MOUNTPOINT") { Description = "Where a modelfs is mounted, or the corpse of one." };
        var command = new Verb("umount", "Unmounts a modelfs, also one whose daemon is dead, and waits for the daemon to end.", "modelfs umount ~/models");
        command.Arguments.Add(mountPoint);
        command.SetAction(async (parsed, cancellation) =>
        {
            await UnmountAsync(MountPoints.RealPath(parsed.GetValue(mountPoint)!), cancellation);
            return ExitCode.Ok;
        });
        return command;
    }

    private static async Task UnmountAsync(string mountPoint, CancellationToken cancellation)
    {
        if (!MountPoints.All().Contains(mountPoint))
        {
            var others = MountPoints.All();
            throw new CommandException($"{mountPoint} is no mount of modelfs; there is {(others.Count == 0 ? "none" : string.Join(", ", others))}");
        }

        using var daemon = await AskToStopAsync(mountPoint, cancellation);
        if (daemon is null)
        {
            MountTable.DetachAll(mountPoint, MountPoints.FileSystemType);
        }
        else if (!await HasEndedAsync(daemon, cancellation))
        {
            MountTable.DetachAll(mountPoint, MountPoints.FileSystemType);
            throw new CommandException(
                $"{mountPoint} is detached, but its daemon (process {daemon.Id}) has not ended within {Patience.TotalSeconds:0} s; its log may say why");
        }

        ControlSocket.Forget(mountPoint);
        // What an earlier daemon left below this one's mount.
        if (MountPoints.All().Contains(mountPoint))
            MountTable.DetachAll(mountPoint, MountPoints.FileSystemType);
        if (MountPoints.All().Contains(mountPoint))
            throw new CommandException($"{mountPoint} is still mounted; it takes the user who mounted it, or root");
    }

    /// <returns>The daemon's process, or null when none answers for this mount.</returns>
    private static async Task<Process?> AskToStopAsync(string mountPoint, CancellationToken cancellation)
    {
        if (ControlSocket.FindByMount(mountPoint) is not { } socket)
            return null;
        try
        {
            await using var daemon = await DaemonStore.ConnectAsync(socket, cancellation);
            if (daemon is null)
                return null;
            var found = await daemon.GetDaemonAsync(cancellation);
            if (found.MountPoint != mountPoint)
                return null;
            var process = Process.GetProcessById(found.Pid);
            await daemon.StopAsync(cancellation);
            return process;
        }
        catch (Exception e) when (e is CommandException or ArgumentException)
        {
            // It died or hangs: then the mount is detached without it.
            return null;
        }
    }

    private static async Task<bool> HasEndedAsync(Process daemon, CancellationToken cancellation)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(Patience);
        try
        {
            await daemon.WaitForExitAsync(limit.Token);
            return true;
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            return false;
        }
    }
}
