using Microsoft.Extensions.Logging.Abstractions;
using ModelFs.Cache;
using ModelFs.Cache.Crash;
using ModelFs.Cache.Index;

// crash hold DIR          opens the cache, says "ready" and stays
// crash fill DIR SEED N   reads N objects at random until it is killed, checking every byte
// crash index DIR SEED N  goes on with a plan of changes to an index after round N until it is killed, saying which rounds are on disk
if (args is ["index", var indexed, var planned, var rounds])
{
    var plan = new IndexPlan(int.Parse(planned));
    while (plan.Round < int.Parse(rounds))
        plan.Change();
    Console.WriteLine("opening");
    await using var index = BlockIndex.Open(indexed, 1L << 30, NullLogger.Instance);
    while (true)
    {
        plan.Change(index);
        if (!index.Checkpoint(plan.GenerationOf, 0))
            return 1;
        Console.WriteLine(plan.Round);
    }
}

if (args is ["hold", var held])
{
    try
    {
        await using var cache = await BlockCache.OpenAsync(new CacheOptions { Directory = held }, NullLoggerFactory.Instance, TimeProvider.System);
        Console.WriteLine("ready");
        Console.In.ReadLine();
        return 0;
    }
    catch (CacheInUseException e)
    {
        Console.WriteLine(e.Message);
        return 3;
    }
}

if (args is not ["fill", var directory, var seed, var count])
    return 2;

await using (var cache = await BlockCache.OpenAsync(new CacheOptions { Directory = directory, MinFreeBytes = 0 }, NullLoggerFactory.Instance, TimeProvider.System))
{
    var random = new Random(int.Parse(seed));
    byte[] buffer = new byte[1 << 20];
    Console.WriteLine("ready");
    while (true)
    {
        int number = random.Next(int.Parse(count));
        byte[] content = CrashPlan.Content(number);
        using var handle = cache.Open(TestContent.Describe(CrashPlan.Name(number), content), new TestSource(content));
        for (int i = random.Next(1, 8); i > 0; i--)
        {
            int offset = random.Next(content.Length), length = Math.Min(random.Next(1, buffer.Length), content.Length - offset);
            var read = await handle.ReadAsync(offset, buffer.AsMemory(0, length), CancellationToken.None);
            if (read != new CacheRead(length, 0) || !buffer.AsSpan(0, length).SequenceEqual(content.AsSpan(offset, length)))
            {
                Console.WriteLine($"wrong: object {number}, {offset}+{length}: {read}");
                return 1;
            }
        }

        if (random.Next(3) == 0)
            await handle.CompleteAsync(CancellationToken.None);
    }
}

/// <summary>The objects that both the killed process and its parent know.</summary>
public static class CrashPlan
{
    public static string Name(int number) => $"crash/{number}";

    public static byte[] Content(int number) => TestContent.Make(Name(number), 100_000 + number * 777_777 % 3_000_000);
}
