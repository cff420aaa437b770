using System.IO.Enumeration;
using ModelFs.Cache.Disk;
using ModelFs.Cache.Index;
using ModelFs.Cache.Objects;

namespace ModelFs.Cache.Space;

/// <summary>Walks the directory once after a start: what each object takes on disk, and what is left over from a crash.</summary>
internal static class Survey
{
    /// <summary>Looked at together: one by one, the index's thread would be asked and answer a million times. Whoever opens one of them waits for them all, some milliseconds.</summary>
    private const int Together = 256;

    /// <param name="claim">Reserves an object for removal; false while it is loaded.</param>
    /// <param name="meanwhile">Called now and then.</param>
    public static void Run(CacheResources resources, Func<ObjectKey, bool> claim, Action<ObjectKey> release, Action meanwhile)
    {
        if (!Directory.Exists(resources.Paths.Root))
            return;
        var (claimed, paths) = (new HashSet<ObjectKey>(Together), new List<(ObjectKey Key, string Path)>(Together));
        foreach (string path in Files(resources.Paths.Root))
        {
            if (resources.Closing.IsCancellationRequested)
                break;
            if (ObjectPaths.KeyOf(Path.GetFileName(path.AsSpan())) is not { } key || (!claimed.Contains(key) && (resources.Catalog.Contains(key) || !claim(key))))
                continue;
            claimed.Add(key);
            paths.Add((key, path));
            if (paths.Count < Together)
                continue;
            Look(resources, claimed, paths, release);
            meanwhile();
        }

        Look(resources, claimed, paths, release);
    }

    /// <summary>Bytes that the files below a directory take.</summary>
    public static long AllocatedBytes(string directory) => Directory.Exists(directory) ? Files(directory).Sum(Linux.AllocatedBytes) : 0;

    private static void Look(CacheResources resources, HashSet<ObjectKey> claimed, List<(ObjectKey Key, string Path)> paths, Action<ObjectKey> release)
    {
        try
        {
            var records = resources.Index.FindAsync(claimed).GetAwaiter().GetResult();
            foreach (var (key, path) in paths)
                Look(resources, key, path, records.TryGetValue(key, out var record) ? record : null);
        }
        catch (ObjectDisposedException)
        {
            // The process ends, and nobody knows what the index knew of them: they stay.
        }
        finally
        {
            foreach (var key in claimed)
                release(key);
            claimed.Clear();
            paths.Clear();
        }
    }

    private static void Look(CacheResources resources, ObjectKey key, string path, ObjectRecord? record)
    {
        string objectPath = resources.Paths.Of(key);
        string sidecar = Sidecar.PathOf(objectPath);
        if (path != objectPath)
        {
            if (path != sidecar || !File.Exists(objectPath))
                DurableFile.TryDelete(path, resources.Log);
            return;
        }

        bool isSealed = File.Exists(sidecar);
        if (record is { } found && !Generation.Agrees(path, found.Generation))
        {
            // Of an earlier life: it was evicted and begun again since the last checkpoint.
            _ = resources.Index.RemoveAsync(key);
            record = null;
        }

        if (record is null && !isSealed)
        {
            // Neither the index nor a sidecar vouches for it: a crash came before either.
            DurableFile.TryDelete(path, resources.Log);
            return;
        }

        long lastUse = record is { } known ? known.LastUse * 60_000L : new DateTimeOffset(File.GetLastWriteTimeUtc(path)).ToUnixTimeMilliseconds();
        long bytes = Linux.AllocatedBytes(path) + (isSealed ? Linux.AllocatedBytes(sidecar) : 0);
        resources.Catalog.Set(key, new Catalog.Entry(bytes, lastUse, record?.Generation ?? 0, isSealed, resources.Accounts.Of("")));
    }

    private static FileSystemEnumerable<string> Files(string directory) =>
        new(directory, static (ref FileSystemEntry entry) => entry.ToFullPath(), new EnumerationOptions { RecurseSubdirectories = true, IgnoreInaccessible = true })
        {
            ShouldIncludePredicate = static (ref FileSystemEntry entry) => !entry.IsDirectory,
        };
}
