using ModelFs.Configuration;

namespace ModelFs.Demo;

/// <summary>What the demonstration needs of the machine, said before it writes anything.</summary>
internal static class DemoRequirements
{
    /// <summary>The file twice, in the store and in the cache, and room to spare.</summary>
    public const long TemporarySpace = 600_000_000;

    private const string Device = "/dev/fuse";

    /// <exception cref="CommandException">Something is missing; the message says what to do.</exception>
    public static void Check(string temporaryDirectory)
    {
        if (!File.Exists(Device))
            throw new CommandException($"there is no {Device}: load the module (modprobe fuse), or start the container with --device {Device} --cap-add SYS_ADMIN");
        if (!Environment.IsPrivilegedProcess)
            CheckUnprivileged();
        var free = new DriveInfo(temporaryDirectory).AvailableFreeSpace;
        if (free < TemporarySpace)
            throw new CommandException(
                $"the demonstration needs {ByteSize.Format(TemporarySpace)} in {temporaryDirectory}, where {ByteSize.Format(free)} are free; TMPDIR names another directory");
    }

    private static void CheckUnprivileged()
    {
        var path = Environment.GetEnvironmentVariable("PATH") ?? "";
        if (!path.Split(':').Any(d => d.Length > 0 && File.Exists(Path.Combine(d, "fusermount3"))))
            throw new CommandException("a user who is not root mounts through fusermount3, and there is none: install the package fuse3");
        try
        {
            File.OpenHandle(Device, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite).Dispose();
        }
        catch (UnauthorizedAccessException)
        {
            throw new CommandException($"{Device} is not this user's to open: as root, chmod 666 {Device}");
        }
    }
}
