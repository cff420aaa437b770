using Microsoft.Extensions.Logging;
using ModelFs.Fuse;

namespace ModelFs.Hosting;

/// <summary>Links beside the mount point, <c>MLFLOW -> mnt/MLFLOW</c>: whoever binds the parent of the mount reads below it as if it were the mount.</summary>
/// <remarks>
/// A link is ours when it points to its own name in the mount point; nothing else is replaced or removed, and so nothing has to be
/// remembered. Links are made, looked at and removed by themselves, never followed: they lead into our own mount.
/// </remarks>
internal sealed class RegistryLinks(string mountPoint, IReadOnlyList<string> registries, ILogger log)
{
    private readonly string parent = Path.GetDirectoryName(mountPoint)!;
    private readonly string mountName = Path.GetFileName(mountPoint);

    /// <summary>Makes those that are missing, and removes those of registries that went.</summary>
    public void Make()
    {
        foreach (var name in registries)
            Try(name, () => Make(name));
        Sweep(registries);
    }

    public void Remove() => Sweep([]);

    private void Make(string name)
    {
        var link = Path.Combine(parent, name);
        if (IsOurs(link))
            return;
        // symlink(2) makes the whole of it or nothing, and never replaces what is there.
        File.CreateSymbolicLink(link, Path.Combine(mountName, name));
    }

    private void Sweep(IReadOnlyList<string> kept)
    {
        Try(null, () =>
        {
            foreach (var name in DirectoryNames.Read(parent).Except(kept))
                if (Path.Combine(parent, name) is var link && IsOurs(link))
                    Try(name, () => File.Delete(link));
        });
    }

    private bool IsOurs(string path) => new FileInfo(path).LinkTarget == Path.Combine(mountName, Path.GetFileName(path));

    private void Try(string? name, Action change)
    {
        try
        {
            change();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Log.NoLink(log, name is null ? parent : Path.Combine(parent, name), e.Message);
        }
    }
}
