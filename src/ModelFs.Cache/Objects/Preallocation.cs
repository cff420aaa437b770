using System.Numerics;
using ModelFs.Cache.Disk;
using ModelFs.Cache.Fetching;

namespace ModelFs.Cache.Objects;

/// <summary>Finds the blocks of one object their place on the disk before they are written.</summary>
/// <remarks>
/// Where what lies around a block will be wanted too, a whole piece is set aside: a file that is read through then lies on the disk as a copy
/// does, however its blocks overtake each other, and its writers stop for each other once a piece and not once a run. What is set aside counts
/// as the object's from then on, because its file takes it; nothing is evicted for it. Whoever writes says so with <see cref="Begin"/> and
/// <see cref="End"/>: what is being written is neither set aside nor given back.
/// </remarks>
internal sealed class Preallocation(CachedObject owner, BlockMap map)
{
    /// <summary>
    /// 16 MiB: 512 MiB then lie in 11 or 12 extents, a copy in 5. With pieces of 64 MiB they were no fewer, and a reader who stops leaves more
    /// of them. A small cache, or a registry's small share of it, gives a 64th.
    /// </summary>
    private const int MostBlocks = 64;

    /// <summary>Pieces that may be overtaken: as many as are in flight.</summary>
    private const int MostPieces = ReadAhead.MaxWindow / CacheOptions.BlockSize / MostBlocks;

    private readonly int most =
        (int)Math.Min(MostBlocks, Math.Min(owner.Resources.Options.MaxBytes, owner.Account.Limits.MaxBytes ?? long.MaxValue) / 64 / CacheOptions.BlockSize);
    private readonly Lock gate = new();
    private readonly SortedSet<int> ahead = [];
    /// <summary>Blocks that are being written, and whether a piece that was set aside has their place.</summary>
    private readonly Dictionary<int, bool> writing = [];
    private volatile bool hasAny;
    private bool isRefused;

    /// <summary>Something is set aside.</summary>
    public bool HasAny => hasAny;

    /// <summary>Blocks are going to be written.</summary>
    /// <returns>The bytes that they need beyond what is set aside.</returns>
    public int Begin(InflightBlock[] run)
    {
        lock (gate)
        {
            foreach (var block in run)
                writing[block.Number] = ahead.Contains(block.Number);
            return run.Sum(block => ahead.Contains(block.Number) ? 0 : map.LengthOf(block.Number));
        }
    }

    /// <summary>They are there, for the map too; or they are not.</summary>
    public void End(InflightBlock[] run, bool isWritten)
    {
        lock (gate)
        {
            foreach (var block in run)
            {
                writing.Remove(block.Number);
                if (isWritten)
                    ahead.Remove(block.Number);
            }

            hasAny = ahead.Count > 0;
        }
    }

    /// <summary>Finds blocks that are going to be written their place, and with them what lies around them. A failure is left for the write to report.</summary>
    public void Allocate(IObjectFile file, InflightBlock[] run)
    {
        lock (gate)
        {
            // Several writers come to a piece at once: the first has found the place of all.
            if (Array.TrueForAll(run, block => writing[block.Number]))
                return;
            int reach = Math.Min(run.Max(block => block.Reach), most);
            if (reach > 1 && map.Size >= 0 && !isRefused && TrySetAside(file, run, 1 << BitOperations.Log2((uint)reach)))
                return;
        }

        file.TryAllocate((long)run[0].Number * CacheOptions.BlockSize, run.Sum(block => map.LengthOf(block.Number)));
    }

    public void GiveBack(IObjectFile file)
    {
        lock (gate)
        {
            var unused = ahead.Where(block => !writing.ContainsKey(block)).ToList();
            owner.Resources.Space.GivenBack(owner, GiveBack(file, unused));
            ahead.ExceptWith(unused);
            hasAny = ahead.Count > 0;
        }
    }

    /// <summary>What is missing and has a place all the same was set aside before a kill. Where a slow disk kept readers waiting, blocks are written already.</summary>
    public void GiveBackMissing(IObjectFile file)
    {
        lock (gate)
            GiveBack(file, Enumerable.Range(0, map.Count).Where(block => !HasPlace(block)));
    }

    private bool TrySetAside(IObjectFile file, InflightBlock[] run, int piece)
    {
        int first = run[0].Number / piece * piece;
        int end = Math.Min((run[^1].Number / piece + 1) * piece, map.Count);
        // What was overtaken gets its place first: the filesystem goes on where the file ended.
        for (int i = 0, before = first; i < MostPieces && before > 0; i++, before -= piece)
        {
            if (!HasPlace(before - 1))
                continue;
            first = before;
            break;
        }

        var blocks = Enumerable.Range(first, end - first).Where(block => !HasPlace(block)).ToList();
        int bytes = blocks.Sum(map.LengthOf);
        if (bytes == 0 || !owner.Resources.Space.TryAdmit(bytes, owner.Account))
            return false;
        bool isAllocated = file.TryAllocate((long)first * CacheOptions.BlockSize, (long)(end - 1 - first) * CacheOptions.BlockSize + map.LengthOf(end - 1));
        owner.Resources.Space.Settle(owner, bytes, isAllocated);
        if (isAllocated)
        {
            ahead.UnionWith(blocks);
            foreach (int block in writing.Keys.Where(block => block >= first && block < end).ToList())
                writing[block] = true;
            hasAny = true;
            return true;
        }

        // A disk that is full in spite of what it says, or a filesystem that has none: some of it may be taken.
        isRefused = true;
        GiveBack(file, blocks);
        return false;
    }

    private bool HasPlace(int block) => map[block] != BlockState.Missing || ahead.Contains(block) || writing.ContainsKey(block);

    /// <returns>Bytes.</returns>
    private long GiveBack(IObjectFile file, IEnumerable<int> blocks)
    {
        long given = 0;
        var (first, end) = (0, 0);
        foreach (int block in blocks)
        {
            if (block != end)
            {
                given += GiveBack(file, first, end);
                first = block;
            }

            end = block + 1;
        }

        return given + GiveBack(file, first, end);
    }

    private long GiveBack(IObjectFile file, int first, int end) =>
        first == end ? 0 : file.GiveBack((long)first * CacheOptions.BlockSize, (long)(end - 1 - first) * CacheOptions.BlockSize + ((map.LengthOf(end - 1) + 4095) & ~4095));
}
