namespace ModelFs.Cache;

/// <summary>What one user may read of a registry is nobody else's to read from the disk.</summary>
public static class PrivateDirectory
{
    /// <summary>Makes a directory that is its owner's alone (0700). One that is there keeps its mode: somebody chose it.</summary>
    public static void Create(string path) =>
        Directory.CreateDirectory(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
}
