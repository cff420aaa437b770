namespace ModelFs.Cache.Tests;

/// <summary>What happens to files on a disk.</summary>
internal static class Damage
{
    public static void Flip(string path, long offset, int bit)
    {
        using var file = File.Open(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        file.Position = offset;
        int value = file.ReadByte();
        file.Position = offset;
        file.WriteByte((byte)(value ^ (1 << bit)));
    }

    /// <summary>A bit flipped, the end cut off, or the file gone.</summary>
    /// <returns>What was done.</returns>
    public static string AtRandom(string path, Random random)
    {
        long length = new FileInfo(path).Length, at = length == 0 ? 0 : random.NextInt64(length);
        switch (length == 0 ? 2 : random.Next(3))
        {
            case 0:
                int bit = random.Next(8);
                Flip(path, at, bit);
                return $"bit {bit} of byte {at} of {path} flipped";
            case 1:
                using (var file = File.OpenWrite(path))
                    file.SetLength(at);
                return $"{path} cut to {at} bytes";
            default:
                File.Delete(path);
                return $"{path} deleted";
        }
    }

    /// <summary>Copies a directory, to be damaged.</summary>
    public static string CopyOf(string original)
    {
        string copy = Directory.CreateTempSubdirectory("modelfs-damage-").FullName;
        foreach (string directory in Directory.EnumerateDirectories(original, "*", SearchOption.AllDirectories))
            Directory.CreateDirectory(Path.Combine(copy, Path.GetRelativePath(original, directory)));
        foreach (string file in Directory.EnumerateFiles(original, "*", SearchOption.AllDirectories))
            File.Copy(file, Path.Combine(copy, Path.GetRelativePath(original, file)));
        return copy;
    }
}
