using System.Globalization;
using ModelFs.Fuse;

namespace ModelFs.Tests.Harness;

/// <summary>A temporary directory that leaves nothing behind: what is mounted below it is aborted and detached before it is deleted.</summary>
public sealed class Scratch : IDisposable
{
    private const string FileSystemType = "fuse.modelfs";

    public string Path { get; } = Directory.CreateTempSubdirectory("modelfs-test-").FullName;

    public string this[params ReadOnlySpan<string> names] => System.IO.Path.Combine([Path, .. names]);

    public string Write(string name, string text)
    {
        var file = this[name];
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(file)!);
        File.WriteAllText(file, text);
        return file;
    }

    public IReadOnlyList<MountEntry> Mounts() =>
        [.. MountTable.Read().Where(m => m.FileSystemType == FileSystemType && (m.MountPoint == Path || m.MountPoint.StartsWith(Path + "/", StringComparison.Ordinal)))];

    /// <summary>Ends the connections below this directory: whoever waits for one gets ECONNABORTED at once.</summary>
    public void AbortConnections()
    {
        foreach (var mount in Mounts())
        {
            var minor = mount.Device[(mount.Device.IndexOf(':') + 1)..];
            var abort = string.Create(CultureInfo.InvariantCulture, $"/sys/fs/fuse/connections/{minor}/abort");
            if (File.Exists(abort))
                File.WriteAllText(abort, "1");
        }
    }

    public void Dispose()
    {
        AbortConnections();
        foreach (var mountPoint in Mounts().Select(m => m.MountPoint).Distinct())
            MountTable.DetachAll(mountPoint, FileSystemType);
        Directory.Delete(Path, recursive: true);
    }
}
