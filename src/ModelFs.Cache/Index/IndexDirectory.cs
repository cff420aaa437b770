using System.Globalization;
using Microsoft.Extensions.Logging;

namespace ModelFs.Cache.Index;

/// <summary>Opens the index, or puts it aside and begins a new one: sealed objects come back from their sidecars.</summary>
internal static class IndexDirectory
{
    /// <summary>The first start that failed may have been shot for another reason; the second one says that it is the index.</summary>
    private const int FailedStartsAllowed = 2;

    public static string BlocksOf(string indexDirectory) => Path.Combine(indexDirectory, "blocks");

    /// <summary>Counts a start until <see cref="Open"/> has ended well: what kills the process in between counts as well.</summary>
    /// <returns>How many failed before.</returns>
    public static int CountStart(string indexDirectory)
    {
        string path = StartsOf(indexDirectory);
        try
        {
            int failed = File.Exists(path) && int.TryParse(File.ReadAllText(path), NumberStyles.None, CultureInfo.InvariantCulture, out int count) ? count : 0;
            File.WriteAllText(path, (failed >= FailedStartsAllowed ? 1 : failed + 1).ToString(CultureInfo.InvariantCulture));
            return failed;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // A full disk is no reason not to start.
            return 0;
        }
    }

    public static IndexStore Open(string indexDirectory, int failedStarts, long maxBytes, ILogger log)
    {
        string blocks = BlocksOf(indexDirectory);
        if (failedStarts >= FailedStartsAllowed)
            PutAside(blocks, $"{failedStarts} starts with it failed", log);
        IndexStore store;
        try
        {
            store = IndexStore.Open(blocks, maxBytes);
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            // FASTER's recovery throws what it likes, down to IndexOutOfRangeException.
            PutAside(blocks, e.Message, log);
            store = IndexStore.Open(blocks, maxBytes);
        }

        File.Delete(StartsOf(indexDirectory));
        return store;
    }

    private static string StartsOf(string indexDirectory) => Path.Combine(indexDirectory, "starts");

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
}
