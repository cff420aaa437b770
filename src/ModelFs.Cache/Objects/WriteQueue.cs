using ModelFs.Cache.Disk;
using ModelFs.Cache.Fetching;

namespace ModelFs.Cache.Objects;

/// <summary>Blocks of one object that have arrived and that no writer has taken yet.</summary>
/// <remarks>For each there is a job among the writers' work. A job takes neighbours along, so that one that comes late may find nothing left.</remarks>
internal sealed class WriteQueue
{
    private readonly SortedList<int, InflightBlock> waiting = [];

    public void Add(InflightBlock block)
    {
        lock (waiting)
            waiting.Add(block.Number, block);
    }

    /// <summary>The first that waits, and what follows it without a gap: at most <see cref="IObjectFile.MostBlocks"/>, and none when nothing waits.</summary>
    public InflightBlock[] Take()
    {
        lock (waiting)
        {
            int count = 0;
            while (count < Math.Min(waiting.Count, IObjectFile.MostBlocks) && waiting.GetKeyAtIndex(count) == waiting.GetKeyAtIndex(0) + count)
                count++;
            var run = new InflightBlock[count];
            for (int i = 0; i < count; i++)
                run[i] = waiting.GetValueAtIndex(i);
            for (int i = count - 1; i >= 0; i--)
                waiting.RemoveAt(i);
            return run;
        }
    }
}
