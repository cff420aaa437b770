using Microsoft.Extensions.Logging.Abstractions;
using ModelFs.Cache;
using ModelFs.Cache.Index;
using ModelFs.Cache.Objects;

namespace ModelFs.Benchmarks.Names;

/// <summary>A cache directory as a node has it that holds a terabyte of models: all records, sidecars and sparse files, and no byte of content.</summary>
internal static class LargeCache
{
    private const int Objects = 4096;
    private const int BlocksOfEach = 1024;

    public const long Bytes = (long)Objects * BlocksOfEach * CacheOptions.BlockSize;

    public static async Task WriteAsync(string directory)
    {
        var index = IndexDirectory.Open(Directory.CreateDirectory(Path.Combine(directory, "index")).FullName, Bytes * 2, NullLogger.Instance);
        var paths = new ObjectPaths(directory);
        var now = (uint)(DateTimeOffset.UtcNow.ToUnixTimeSeconds() / 60);
        const long size = (long)BlocksOfEach * CacheOptions.BlockSize;
        var random = new Random(1);
        for (var i = 0; i < Objects; i++)
        {
            var key = new ObjectKey(new UInt128((ulong)random.NextInt64(), (ulong)random.NextInt64()));
            var checksums = Enumerable.Range(0, BlocksOfEach).Select(_ => (ulong)random.NextInt64()).ToArray();
            var path = paths.Of(key);
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            using (var file = File.OpenHandle(path, FileMode.CreateNew, FileAccess.Write))
                RandomAccess.SetLength(file, size);
            new Sidecar(key, size, default, checksums, default, 0).Write(path);
            await index.PutAsync(key, new ObjectRecord(size, 1, now, ObjectFlags.Sealed), [.. checksums.Select((checksum, number) => (number, checksum))]);
        }

        if (!await index.CheckpointAsync(null, Objects * (BlocksOfEach + 1L)))
            throw new IOException($"the index in {directory} could not be written");
        await index.DisposeAsync();
    }
}
