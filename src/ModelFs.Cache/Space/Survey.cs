using System.IO.Enumeration;
using ModelFs.Cache.Disk;
using ModelFs.Cache.Objects;

namespace ModelFs.Cache.Space;

/// <summary>Walks the directory once after a start: what each object takes on disk, and what is left over from a crash.</summary>
internal static class Survey
{
    /// <param name="claim">Reserves an object for removal; false while it is loaded.</param>
    /// <param name="owners">Whose an object is, as far as its name is known.</param>
    public static void Run(CacheResources resources, IReadOnlyDictionary<ObjectKey, Account> owners, Func<ObjectKey, bool> claim, Action<ObjectKey> release)
    {
        if (!Directory.Exists(resources.Paths.Root))
            return;
        foreach (string path in Files(resources.Paths.Root))
        {
            if (resources.Closing.IsCancellationRequested)
                return;
            if (ObjectPaths.KeyOf(Path.GetFileName(path.AsSpan())) is not { } key || resources.Catalog.Contains(key) || !claim(key))
                continue;
            try
            {
                Look(resources, owners, key, path);
            }
            finally
            {
                release(key);
            }
        }
    }

    /// <summary>Bytes that the files below a directory take.</summary>
    public static long AllocatedBytes(string directory) => Directory.Exists(directory) ? Files(directory).Sum(Linux.AllocatedBytes) : 0;

    private static void Look(CacheResources resources, IReadOnlyDictionary<ObjectKey, Account> owners, ObjectKey key, string path)
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
        var record = resources.Index.FindAsync(key).GetAwaiter().GetResult();
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
        resources.Catalog.Set(key, new Catalog.Entry(bytes, lastUse, record?.Generation ?? 0, isSealed, owners.GetValueOrDefault(key) ?? resources.Accounts.Of("")));
    }

    private static FileSystemEnumerable<string> Files(string directory) =>
        new(directory, static (ref FileSystemEntry entry) => entry.ToFullPath(), new EnumerationOptions { RecurseSubdirectories = true, IgnoreInaccessible = true })
        {
            ShouldIncludePredicate = static (ref FileSystemEntry entry) => !entry.IsDirectory,
        };
}
