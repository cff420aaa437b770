using System.Globalization;
using Microsoft.Extensions.Logging;

namespace ModelFs.Cache.Index;

/// <summary>Opens the index, or puts it aside and begins a new one: sealed objects come back from their sidecars.</summary>
internal static class IndexDirectory
{
    /// <summary>The first start that failed may have been shot for another reason; the second one says that it is the index.</summary>
    private const int FailedStartsAllowed = 2;

    public static string BlocksOf(string indexDirectory) => Path.Combine(indexDirectory, "blocks");

    public static BlockIndex Open(string indexDirectory, long maxBytes, ILogger log)
    {
        string blocks = BlocksOf(indexDirectory);
        string starts = Path.Combine(indexDirectory, "starts");
        int failed = ReadCount(starts);
        if (failed >= FailedStartsAllowed)
            PutAside(blocks, $"{failed} starts with it failed", log);

        // Counted before, uncounted after: what kills the process in between counts as well.
        File.WriteAllText(starts, (failed >= FailedStartsAllowed ? 1 : failed + 1).ToString(CultureInfo.InvariantCulture));
        BlockIndex index;
        try
        {
            index = BlockIndex.Open(blocks, maxBytes, log);
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            // FASTER's recovery throws what it likes, down to IndexOutOfRangeException.
            PutAside(blocks, e.Message, log);
            index = BlockIndex.Open(blocks, maxBytes, log);
        }

        File.Delete(starts);
        return index;
    }

    /// <summary>Keeps the last bad index for whoever wants to know what happened, and no more than that one.</summary>
    private static void PutAside(string blocks, string reason, ILogger log)
    {
        if (!Directory.Exists(blocks))
            return;
        string aside = blocks + ".aside";
        if (Directory.Exists(aside))
            Directory.Delete(aside, recursive: true);
        Directory.Move(blocks, aside);
        Log.IndexPutAside(log, aside, reason);
    }

    private static int ReadCount(string path) =>
        File.Exists(path) && int.TryParse(File.ReadAllText(path), NumberStyles.None, CultureInfo.InvariantCulture, out int count) ? count : 0;
}
