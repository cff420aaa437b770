using Microsoft.Extensions.Logging.Abstractions;
using ModelFs.Cache;
using ModelFs.Cache.Index;
using ModelFs.Cache.Objects;

namespace ModelFs.Benchmarks.Names;

/// <summary>A cache directory as a node has it that holds terabytes of models: all records and sparse files, and no byte of content.</summary>
internal static class LargeCache
{
    private const int BlocksOfEach = 1024;
    private const long SizeOfEach = (long)BlocksOfEach * CacheOptions.BlockSize;

    public static long Blocks(long bytes) => bytes / CacheOptions.BlockSize;

    public static IReadOnlyList<ObjectKey> Keys(long bytes)
    {
        var random = new Random(1);
        return [.. Enumerable.Range(0, (int)(bytes / SizeOfEach)).Select(_ => new ObjectKey(new UInt128((ulong)random.NextInt64(), (ulong)random.NextInt64())))];
    }

    /// <param name="areSealed">Complete ones, with a sidecar each: 4 ms of a disk that writes through.</param>
    public static async Task WriteAsync(string directory, long bytes, bool areSealed)
    {
        var index = BlockIndex.Open(Directory.CreateDirectory(Path.Combine(directory, "index")).FullName, bytes * 2, NullLogger.Instance);
        var paths = new ObjectPaths(directory);
        var now = (uint)(DateTimeOffset.UtcNow.ToUnixTimeSeconds() / 60);
        var random = new Random(2);
        foreach (var key in Keys(bytes))
        {
            var checksums = Enumerable.Range(0, BlocksOfEach).Select(_ => (ulong)random.NextInt64()).ToArray();
            var path = paths.Of(key);
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            using (var file = File.OpenHandle(path, FileMode.CreateNew, FileAccess.Write))
                RandomAccess.SetLength(file, SizeOfEach);
            if (areSealed)
                new Sidecar(key, SizeOfEach, default, checksums, default, 0).Write(path);
            var record = new ObjectRecord(SizeOfEach, 1, now, areSealed ? ObjectFlags.Sealed : ObjectFlags.None);
            await index.PutAsync(key, record, [.. checksums.Select((checksum, number) => (number, checksum))]);
        }

        if (!index.Checkpoint(null, 0))
            throw new IOException($"the index in {directory} could not be written");
        await index.DisposeAsync();
    }
}
