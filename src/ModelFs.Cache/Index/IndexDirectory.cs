using Microsoft.Extensions.Logging;

namespace ModelFs.Cache.Index;

/// <summary>Opens the index, or puts it aside and begins a new one: sealed objects come back from their sidecars.</summary>
internal static class IndexDirectory
{
    public static string BlocksOf(string indexDirectory) => Path.Combine(indexDirectory, "blocks");

    public static IndexStore Open(string indexDirectory, StartCount starts, long maxBytes, ILogger log)
    {
        string blocks = BlocksOf(indexDirectory);
        if (starts.IsTooHigh)
            PutAside(blocks, $"{starts.Failed} starts with it failed", log);
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

        starts.Succeeded();
        return store;
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
}
