using Microsoft.Extensions.Logging.Abstractions;
using ModelFs.Cache;
using ModelFs.Cache.Index;
using ModelFs.Cache.Objects;
using ModelFs.Cache.Space;

namespace ModelFs.Benchmarks.Names;

/// <summary>A cache directory as a node has it that holds terabytes of models: all records and sparse files, and no byte of content.</summary>
internal static class LargeCache
{
    public const int LargeObject = 1024;

    public static IReadOnlyList<ObjectKey> Keys(int objects)
    {
        var random = new Random(1);
        return [.. Enumerable.Range(0, objects).Select(_ => new ObjectKey(new UInt128((ulong)random.NextInt64(), (ulong)random.NextInt64())))];
    }

    /// <param name="blocks">Of each object.</param>
    /// <param name="areSealed">Complete ones, with a sidecar each: 4 ms of a disk that writes through.</param>
    public static async Task WriteAsync(string directory, int objects, int blocks, bool areSealed)
    {
        var size = (long)blocks * CacheOptions.BlockSize;
        var indexDirectory = Directory.CreateDirectory(Path.Combine(directory, "index")).FullName;
        var index = BlockIndex.Open(indexDirectory, objects * size * 2, NullLogger.Instance);
        var labels = new Labels(Path.Combine(indexDirectory, "labels"), NullLogger.Instance);
        var paths = new ObjectPaths(directory);
        var now = (uint)(DateTimeOffset.UtcNow.ToUnixTimeSeconds() / 60);
        var random = new Random(2);
        foreach (var (number, key) in Keys(objects).Index())
        {
            labels.Note(key, "MLFLOW", $"model-{number / 10}/1/part-{number % 10:00000}-of-00010.safetensors");
            if (number % 1000 == 999)
                labels.Flush();
            var checksums = Enumerable.Range(0, blocks).Select(_ => (ulong)random.NextInt64()).ToArray();
            var path = paths.Of(key);
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            using (var file = File.OpenHandle(path, FileMode.CreateNew, FileAccess.Write))
                RandomAccess.SetLength(file, size);
            if (areSealed)
                new Sidecar(key, size, default, checksums, default, 0).Write(path);
            var record = new ObjectRecord(size, 1, now, areSealed ? ObjectFlags.Sealed : ObjectFlags.None);
            await index.PutAsync(key, record, [.. checksums.Select((checksum, block) => (block, checksum))]);
        }

        labels.Flush();
        if (!index.Checkpoint(null, 0))
            throw new IOException($"the index in {directory} could not be written");
        await index.DisposeAsync();
    }
}
