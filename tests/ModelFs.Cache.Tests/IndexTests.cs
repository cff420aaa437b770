using System.Diagnostics;
using Microsoft.Extensions.Logging.Abstractions;
using ModelFs.Cache.Crash;
using ModelFs.Cache.Disk;
using ModelFs.Cache.Index;

namespace ModelFs.Cache.Tests;

public sealed class IndexTests : IDisposable
{
    private const int Blocks = 100_000;
    private const int LiveRecords = Blocks / IndexValue.Blocks + 1;

    private readonly string directory = Directory.CreateTempSubdirectory("modelfs-index-").FullName;

    public void Dispose() => Directory.Delete(directory, recursive: true);

    [Fact]
    public async Task After_any_sequence_of_changes_and_checkpoints_the_index_says_what_a_dictionary_says()
    {
        int seed = Random.Shared.Next();
        var random = new Random(seed);
        var model = new Dictionary<ObjectKey, (ObjectRecord Record, Dictionary<int, ulong> Blocks)>();
        for (int life = 0; life < 4; life++)
        {
            await using var index = BlockIndex.Open(directory, 1L << 30, NullLogger.Instance);
            await CompareAsync(index, model, $"seed {seed}, life {life}");
            for (int step = 0; step < 300; step++)
            {
                var key = TestContent.KeyOf($"object {random.Next(20)}");
                switch (random.Next(10))
                {
                    case 0:
                        await index.RemoveAsync(key);
                        model.Remove(key);
                        break;
                    case 1 when model.TryGetValue(key, out var known) && known.Blocks.Count > 0:
                        int number = known.Blocks.Keys.First();
                        await index.RemoveBlockAsync(key, number);
                        known.Blocks.Remove(number);
                        break;
                    case 2:
                        Assert.True(index.Checkpoint(null, 0));
                        break;
                    default:
                        var (record, blocks) = model.TryGetValue(key, out var old) ? old : (new ObjectRecord(100L * CacheOptions.BlockSize, (uint)random.Next(), 5, ObjectFlags.None), []);
                        var added = Enumerable.Range(0, random.Next(20)).Select(_ => (Number: random.Next(100), Checksum: (ulong)random.NextInt64())).DistinctBy(b => b.Number).ToList();
                        record = record with { LastUse = record.LastUse + 1, Flags = (ObjectFlags)random.Next(4) };
                        await index.PutAsync(key, record, added);
                        added.ForEach(b => blocks[b.Number] = b.Checksum);
                        model[key] = (record, blocks);
                        break;
                }
            }

            Assert.True(index.Checkpoint(null, 0));
            await CompareAsync(index, model, $"seed {seed}, life {life}, at its end");
        }
    }

    [Fact]
    public async Task What_came_after_the_last_checkpoint_is_not_known_after_a_start()
    {
        var (first, second) = (TestContent.KeyOf("first"), TestContent.KeyOf("second"));
        var record = new ObjectRecord(CacheOptions.BlockSize, 1, 1, ObjectFlags.None);
        await using (var index = BlockIndex.Open(directory, 1L << 30, NullLogger.Instance))
        {
            await index.PutAsync(first, record, [(0, 1)]);
            Assert.True(index.Checkpoint(null, 0));
            await index.PutAsync(second, record, [(0, 2)]);
        }

        await using var again = BlockIndex.Open(directory, 1L << 30, NullLogger.Instance);
        Assert.NotNull(await again.LoadAsync(first));
        Assert.Null(await again.LoadAsync(second));
    }

    [Fact]
    public async Task Compaction_keeps_what_lives_and_gives_back_the_rest()
    {
        var dead = TestContent.KeyOf("dead");
        var live = TestContent.KeyOf("live");
        var blocks = Enumerable.Range(0, Blocks).Select(i => (i, (ulong)i * 7919)).ToList();
        var record = new ObjectRecord((long)Blocks * CacheOptions.BlockSize, 9, 1, ObjectFlags.Sealed);
        uint? Generation(ObjectKey key) => key == live ? 9 : null;
        await using (var index = BlockIndex.Open(directory, 1L << 30, NullLogger.Instance))
        {
            await index.PutAsync(live, record, blocks);
            for (uint generation = 0; generation < 40; generation++)
            {
                await index.PutAsync(dead, record with { Generation = generation }, blocks);
                Assert.True(index.Checkpoint(null, LiveRecords));
            }

            Assert.InRange(index.Bytes, 20L << 20, 60L << 20);
            for (int i = 0; i < 8; i++)
            {
                await index.PutAsync(live, record, []);
                Assert.True(index.Checkpoint(Generation, LiveRecords));
            }

            Assert.InRange(index.Bytes, 1, 12L << 20);
        }

        Assert.InRange(Space.Survey.AllocatedBytes(directory), 1, 33L << 20);
        await using var again = BlockIndex.Open(directory, 1L << 30, NullLogger.Instance);
        var loaded = await again.LoadAsync(live);
        Assert.Equal(record, loaded!.Record);
        Assert.Equal(blocks.Select(b => b.Item2), loaded.Checksums);
        Assert.DoesNotContain(false, loaded.Present);
    }

    [Fact]
    public async Task A_new_life_of_an_object_does_not_see_the_blocks_of_the_former()
    {
        var key = TestContent.KeyOf("a");
        await using var index = BlockIndex.Open(directory, 1L << 30, NullLogger.Instance);
        var record = new ObjectRecord(4L * CacheOptions.BlockSize, 1, 1, ObjectFlags.None);
        await index.PutAsync(key, record, [(0, 10), (1, 11), (2, 12)]);
        await index.RemoveAsync(key);
        await index.PutAsync(key, record with { Generation = 2 }, [(1, 21)]);
        var loaded = await index.LoadAsync(key);
        Assert.Equal([false, true, false, false], loaded!.Present);
        Assert.Equal(21u, loaded.Checksums[1]);
    }

    [Fact]
    public async Task Names_are_there_while_the_index_is_opened_and_reads_wait_for_it()
    {
        byte[] content = TestContent.Make("a", 3 * CacheOptions.BlockSize);
        await using var test = await TestCache.OpenAsync();
        await test.FillAsync("a", content);
        await test.Cache.Metadata.PutAsync("models", "name", content.AsMemory(0, 10), CancellationToken.None);
        uint ordinal = test.Cache.Ordinals.GetOrAdd("name"u8);
        await test.CloseAsync();

        var (manifest, bytes) = HoldUp(test.IndexDirectory);
        await using var cache = await BlockCache.OpenAsync(test.Options, test, TimeProvider.System).WaitAsync(TestCache.Patience);
        Assert.Equal(ordinal, cache.Ordinals.GetOrAdd("name"u8));
        Assert.Equal(content[..10], (await cache.Metadata.GetAsync("models", "name", CancellationToken.None))!.Value.ToArray());
        var source = new TestSource(content);
        using var handle = cache.Open(TestContent.Describe("a", content), source);
        byte[] buffer = new byte[1000];
        var read = handle.ReadAsync(0, buffer, CancellationToken.None).AsTask();
        Assert.False(read.IsCompleted || cache.Surveyed.IsCompleted);
        // However long it takes: it is no disk that hangs.
        await Task.Delay(WorkThreads.Patience * 1.2);
        await File.WriteAllBytesAsync(manifest, bytes);
        Assert.Equal(new CacheRead(1000, 0), await read.WaitAsync(TestCache.Patience));
        Assert.Equal(content[..1000], buffer);
        Assert.Empty(source.Requests);
    }

    [Fact]
    public async Task Starts_that_are_ended_before_the_index_is_open_do_not_count_against_it()
    {
        var key = TestContent.KeyOf("a");
        var record = new ObjectRecord(CacheOptions.BlockSize, 1, 1, ObjectFlags.None);
        await using (var index = BlockIndex.Open(directory, 1L << 30, NullLogger.Instance))
        {
            await index.PutAsync(key, record, [(0, 1)]);
            Assert.True(index.Checkpoint(null, 0));
        }

        string blocks = Path.Combine(directory, "blocks");
        for (int start = 0; start < 4; start++)
        {
            // The process ends while this one still waits for its manifest: what it leaves is what the next one finds.
            string other = Directory.CreateDirectory(Path.Combine(directory, $"{start}")).FullName;
            CopyFiles(directory, other);
            CopyFiles(blocks, Directory.CreateDirectory(Path.Combine(other, "blocks")).FullName);
            var (manifest, bytes) = HoldUp(other);
            var index = BlockIndex.Open(other, 1L << 30, NullLogger.Instance);
            Assert.Single(Directory.EnumerateFiles(other));
            var closing = index.DisposeAsync();
            await HandleReads.UntilAsync(() => !Directory.EnumerateFiles(other).Any(), "the start does not count");
            Assert.False(closing.IsCompleted);
            CopyFiles(other, directory);
            await File.WriteAllBytesAsync(manifest, bytes);
            await closing;
        }

        await using var again = BlockIndex.Open(directory, 1L << 30, NullLogger.Instance);
        Assert.Equal(record, await again.FindAsync(key));
    }

    [Fact]
    public async Task Starts_that_were_killed_before_the_index_was_open_put_it_aside_also_when_others_between_them_were_ended()
    {
        await using var logs = new TestCache();
        var key = TestContent.KeyOf("a");
        var record = new ObjectRecord(CacheOptions.BlockSize, 1, 1, ObjectFlags.None);
        await using (var index = BlockIndex.Open(directory, 1L << 30, NullLogger.Instance))
        {
            await index.PutAsync(key, record, [(0, 1)]);
            Assert.True(index.Checkpoint(null, 0));
        }

        StartCount.Begin(directory);
        StartCount.Begin(directory).Stopped();
        Assert.Equal(1, StartCount.Begin(directory).Failed);
        await using var again = BlockIndex.Open(directory, 1L << 30, logs);
        Assert.Null(await again.FindAsync(key));
        Assert.Contains("2 starts with it failed", Assert.Single(logs.Lines));
    }

    [Fact]
    public async Task An_index_that_is_closed_does_not_say_that_it_knows_nothing()
    {
        var key = TestContent.KeyOf("a");
        await using (var first = BlockIndex.Open(directory, 1L << 30, NullLogger.Instance))
        {
            await first.PutAsync(key, new ObjectRecord(CacheOptions.BlockSize, 1, 1, ObjectFlags.None), [(0, 1)]);
            Assert.True(first.Checkpoint(null, 0));
        }

        // Asked after it was closed, and before it has done so: what it does not know is removed from the disk.
        var (manifest, bytes) = HoldUp(directory);
        var index = BlockIndex.Open(directory, 1L << 30, NullLogger.Instance);
        var before = index.LoadAsync(key);
        var closing = index.DisposeAsync();
        var (load, find, many) = (index.LoadAsync(key), index.FindAsync(key), index.FindAsync([key]));
        await File.WriteAllBytesAsync(manifest, bytes);
        Assert.NotNull(await before);
        await Assert.ThrowsAsync<ObjectDisposedException>(() => load);
        await Assert.ThrowsAsync<ObjectDisposedException>(() => find);
        await Assert.ThrowsAsync<ObjectDisposedException>(() => many);
        await closing;
        Assert.False(index.Checkpoint(null, 0));
    }

    /// <summary>Puts a pipe where the manifest was: whoever opens it to read waits until somebody writes to it.</summary>
    private static (string Manifest, byte[] Bytes) HoldUp(string indexDirectory)
    {
        string manifest = Path.Combine(indexDirectory, "blocks", "manifest");
        byte[] bytes = File.ReadAllBytes(manifest);
        File.Delete(manifest);
        using var mkfifo = Process.Start("mkfifo", manifest);
        mkfifo.WaitForExit();
        return (manifest, bytes);
    }

    private static void CopyFiles(string from, string to)
    {
        foreach (string file in Directory.EnumerateFiles(from))
            File.Copy(file, Path.Combine(to, Path.GetFileName(file)), overwrite: true);
    }

    private static async Task CompareAsync(BlockIndex index, Dictionary<ObjectKey, (ObjectRecord Record, Dictionary<int, ulong> Blocks)> model, string where)
    {
        for (int i = 0; i < 20; i++)
        {
            var key = TestContent.KeyOf($"object {i}");
            var loaded = await index.LoadAsync(key);
            Assert.True(model.ContainsKey(key) == (loaded is not null), where);
            if (loaded is null)
                continue;
            var (record, blocks) = model[key];
            Assert.True(record == loaded.Record, where);
            for (int block = 0; block < 100; block++)
            {
                Assert.True(blocks.ContainsKey(block) == loaded.Present[block], $"{where}: block {block}");
                Assert.True(!loaded.Present[block] || blocks[block] == loaded.Checksums[block], $"{where}: block {block}");
            }
        }
    }
}
