using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;
using ModelFs.Fuse.Interop;

namespace ModelFs.Fuse.Mounting;

/// <summary>Makes sure that a path can be mounted on: mends what is safe to mend, and says what is in the way otherwise.</summary>
internal static class MountPointCheck
{
    /// <summary>A mount that answers does so in microseconds; one that hangs would hold whoever asks for a minute.</summary>
    private static readonly TimeSpan ProbeTimeout = TimeSpan.FromSeconds(2);

    private enum Health
    {
        Alive,
        Dead,
        Hung,
    }

    /// <returns>The path as mountinfo will have it.</returns>
    /// <exception cref="FuseMountException">It says what is wrong, and what to do.</exception>
    public static string Prepare(string mountPoint, string fileSystemType, ILogger logger)
    {
        string path = MountPointPath.Resolve(mountPoint);
        DetachCorpses(path, fileSystemType, logger);

        if (File.Exists(path))
            throw new FuseMountException($"{path} is a file: a mount point is a directory");

        if (!Directory.Exists(path))
            Create(path);
        else if (!IsEmpty(path))
            throw new FuseMountException($"{path} is not empty: what is in it would be hidden; mount on an empty directory, or on a new one");

        return path;
    }

    /// <summary>Whether the connection of what is mounted there has ended.</summary>
    public static bool IsDead(string path) => Probe(path) == Health.Dead;

    /// <summary>Clears the way of our own dead mounts. Afterwards the path is safe to touch: what is mounted there, if anything, answers.</summary>
    private static void DetachCorpses(string path, string fileSystemType, ILogger logger)
    {
        int corpses = 0;
        while (MountTable.FindTop(MountTable.Read(), path) is { } top && top.FileSystemType.StartsWith("fuse", StringComparison.Ordinal))
        {
            Health health = Probe(path);
            bool isOurs = top.FileSystemType == fileSystemType;
            if (health == Health.Alive && isOurs)
                throw new FuseMountException($"{path} is mounted already ({fileSystemType}): umount {path} first");
            if (health == Health.Alive)
                break;
            if (health == Health.Hung || !isOurs)
                throw new FuseMountException($"{path} is mounted and does not answer ({top.FileSystemType}): it was left alone; umount -l {path} first");

            Unmounter.Detach(path);
            corpses++;
        }

        if (corpses > 0)
            Log.CorpsesDetached(logger, path, corpses, fileSystemType);
    }

    /// <summary>Asks the mount a question that only its daemon can answer, from a thread that may be lost to it.</summary>
    private static Health Probe(string path)
    {
        // O_PATH alone asks nothing; fstatfs is one STATFS request, or ENOTCONN where the connection is dead.
        var answer = new TaskCompletionSource<Health>(TaskCreationOptions.RunContinuationsAsynchronously);
        new Thread(() => answer.SetResult(AskStatistics(path))) { Name = "fuse probe", IsBackground = true }.Start();
        return answer.Task.Wait(ProbeTimeout) ? answer.Task.Result : Health.Hung;
    }

    private static Health AskStatistics(string path)
    {
        using SafeFileHandle root = LibC.open(path, LibC.O_PATH | LibC.O_CLOEXEC, 0);
        Span<byte> statistics = stackalloc byte[256];
        if (!root.IsInvalid && LibC.fstatfs(root, ref MemoryMarshal.GetReference(statistics)) == 0)
            return Health.Alive;

        return (Errno)Marshal.GetLastPInvokeError() is Errno.ENOTCONN or Errno.ECONNABORTED ? Health.Dead : Health.Alive;
    }

    private static void Create(string path)
    {
        if (Path.GetDirectoryName(path) is not { } parent || !Directory.Exists(parent))
            throw new FuseMountException($"{path} cannot be created: there is no directory {Path.GetDirectoryName(path)}");

        try
        {
            Directory.CreateDirectory(path);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new FuseMountException($"{path} cannot be created: {Words(failure, path)}", failure);
        }
    }

    private static bool IsEmpty(string path)
    {
        try
        {
            return !Directory.EnumerateFileSystemEntries(path).Any();
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new FuseMountException($"{path} cannot be read: {Words(failure, path)}", failure);
        }
    }

    /// <summary>The runtime's words without the path, which is said already.</summary>
    private static string Words(Exception failure, string path) =>
        failure.Message.Replace($" : '{path}'", "", StringComparison.Ordinal).Replace($" '{path}'", "", StringComparison.Ordinal);
}
