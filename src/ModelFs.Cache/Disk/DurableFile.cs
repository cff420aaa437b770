using Microsoft.Extensions.Logging;

namespace ModelFs.Cache.Disk;

/// <summary>Small files that are either the old or the new whole, also after a power cut.</summary>
internal static class DurableFile
{
    public static void Replace(string path, ReadOnlySpan<byte> content)
    {
        string temporary = path + ".tmp";
        using (var file = File.OpenHandle(temporary, FileMode.Create, FileAccess.Write, FileShare.None))
        {
            RandomAccess.Write(file, content, 0);
            RandomAccess.FlushToDisk(file);
        }

        File.Move(temporary, path, overwrite: true);
        Linux.SyncDirectory(Path.GetDirectoryName(path)!);
    }

    /// <summary>Makes a file that somebody else wrote durable, and its name.</summary>
    public static void Sync(string path)
    {
        using (var file = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite))
            RandomAccess.FlushToDisk(file);
        Linux.SyncDirectory(Path.GetDirectoryName(path)!);
    }

    /// <summary>False, and a line in the log, when the disk refuses.</summary>
    public static bool TryDelete(string path, ILogger log)
    {
        try
        {
            // Even to remove nothing waits for a disk that takes no writes.
            if (File.Exists(path))
                File.Delete(path);
            return true;
        }
        catch (DirectoryNotFoundException)
        {
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Log.CannotRemove(log, path, e.Message);
            return false;
        }
    }
}
