using ModelFs.Cache.Crash;

namespace ModelFs.Cache.Tests;

/// <summary>The cache against a dictionary: any order of opens, reads, faults, restarts and evictions gives the bytes of the dictionary.</summary>
public sealed class ModelTests
{
    private const int Block = CacheOptions.BlockSize;

    [Theory]
    [InlineData(1L << 30)]
    [InlineData(64L << 20)]
    public async Task Random_operations_agree_with_a_dictionary(long maxBytes)
    {
        int seed = Random.Shared.Next();
        var random = new Random(seed);
        var model = new Dictionary<string, byte[]>();
        for (int i = 0; i < 14; i++)
            model.Add($"model {i}", TestContent.Make($"model {i}", i switch { 0 => 1, 1 => Block, _ => random.Next(1, 60 * Block) }));
        await using var test = await TestCache.OpenAsync(maxBytes);
        var log = new List<string>();
        for (int step = 0; step < 150; step++)
        {
            string name = $"model {random.Next(model.Count)}";
            byte[] content = model[name];
            int offset = random.Next(content.Length), length = random.Next(1, 4 * Block);
            var source = new TestSource(content) { HasRanges = random.Next(4) != 0, ChunkSize = random.Next(1000, 300_000) };
            int operation = random.Next(12);
            log.Add($"{step}: {operation} {name} ({content.Length}) {offset}+{length} ranges {source.HasRanges}");
            try
            {
                if (operation == 0)
                {
                    await test.ReopenAsync();
                    continue;
                }

                using var handle = test.Open(name, content, source);
                switch (operation)
                {
                    case 1:
                        // In a small cache, what is still being fetched for others may leave no room.
                        int completed = (await handle.CompleteAsync(CancellationToken.None)).Errno;
                        Assert.True(completed == 0 || (completed == 28 && maxBytes < 1 << 30), $"errno {completed}");
                        break;
                    case 2:
                        await handle.ExpectAllAsync(content, random.Next(4096, 1 << 20));
                        break;
                    case 3:
                        // The source breaks off now and then; what is read is right or an error.
                        source.OnRead = _ => random.Next(6) == 0 ? Task.FromException(new IOException("broken")) : Task.CompletedTask;
                        var (bytes, errno) = await handle.ReadAsync(offset, length);
                        Assert.True(errno == 5 || bytes.AsSpan().SequenceEqual(content.AsSpan(offset, Math.Min(length, content.Length - offset))), "wrong bytes");
                        source.OnRead = null;
                        await Task.Delay(110);
                        break;
                    case 4:
                        await Task.WhenAll(Enumerable.Range(0, 6).Select(i => handle.ExpectAsync(content, (offset + i * 7L * Block) % content.Length, length)));
                        break;
                    default:
                        await handle.ExpectAsync(content, offset, length);
                        break;
                }
            }
            catch (Exception e)
            {
                throw new InvalidOperationException($"seed {seed}\n{string.Join('\n', log.TakeLast(30))}\n{string.Join('\n', test.Lines.TakeLast(20))}", e);
            }

            Assert.InRange(test.Cache.Status.UsedBytes, 0, maxBytes);
        }
    }
}
