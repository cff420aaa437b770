using ModelFs.Cache.Index;

namespace ModelFs.Cache.Crash;

/// <summary>Changes to an index that two processes make alike from a seed, and what is known after each round of them.</summary>
internal sealed class IndexPlan(int seed)
{
    public const int Objects = 24;
    private const int ChangesOfARound = 12;
    private const int Blocks = 20_000;

    private readonly Dictionary<ObjectKey, (ObjectRecord Record, bool[] Present)> known = [];
    private uint generation;

    /// <summary>Rounds so far.</summary>
    public int Round { get; private set; }

    public uint? GenerationOf(ObjectKey key) => known.TryGetValue(key, out var found) ? found.Record.Generation : null;

    public static ObjectKey KeyOf(int number) => TestContent.KeyOf($"planned {number}");

    /// <param name="index">Gets the changes too.</param>
    public void Change(BlockIndex? index = null)
    {
        var random = new Random(unchecked(seed + ++Round * 7919));
        for (int change = 0; change < ChangesOfARound; change++)
        {
            var key = KeyOf(random.Next(Objects));
            int first = random.Next(Blocks), count = Math.Min(random.Next(1, Blocks), Blocks - first);
            switch (random.Next(8))
            {
                case 0:
                    known.Remove(key);
                    index?.RemoveAsync(key);
                    break;
                case 1 when known.TryGetValue(key, out var found):
                    found.Present[first] = false;
                    index?.RemoveBlockAsync(key, first);
                    break;
                case < 4:
                    known.Remove(key);
                    Add(key, first, count, index);
                    break;
                default:
                    Add(key, first, count, index);
                    break;
            }
        }
    }

    /// <summary>How an object differs from what the rounds left of it; null when it does not.</summary>
    public string? Difference(int number, IndexedObject? loaded)
    {
        string actual = loaded is null ? "unknown" : $"{loaded.Record} with {loaded.Present.Count(p => p)} blocks";
        if (!known.TryGetValue(KeyOf(number), out var found))
            return loaded is null ? null : $"object {number} is {actual}, should be unknown";
        string should = $"{found.Record} with {found.Present.Count(p => p)} blocks";
        if (loaded?.Record != found.Record)
            return $"object {number} is {actual}, should be {should}";
        var wrong = Enumerable.Range(0, Blocks).Where(i =>
            loaded.Present[i] != found.Present[i] || (found.Present[i] && loaded.Checksums[i] != ChecksumOf(found.Record.Generation, i))).ToList();
        return wrong.Count == 0 ? null : $"object {number} is {actual}, should be {should}; {wrong.Count} differ, from {wrong[0]} to {wrong[^1]}";
    }

    private void Add(ObjectKey key, int first, int count, BlockIndex? index)
    {
        if (!known.TryGetValue(key, out var found))
            found = (new ObjectRecord((long)Blocks * CacheOptions.BlockSize, ++generation, 0, ObjectFlags.None), new bool[Blocks]);
        found.Record = found.Record with { LastUse = (uint)Round };
        found.Present.AsSpan(first, count).Fill(true);
        known[key] = found;
        index?.PutAsync(key, found.Record, [.. Enumerable.Range(first, count).Select(i => (i, ChecksumOf(found.Record.Generation, i)))]);
    }

    private static ulong ChecksumOf(uint generation, int block) => (((ulong)generation << 32) | (uint)block) * 0x9E3779B97F4A7C15ul;
}
