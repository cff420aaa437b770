using ModelFs.Cache.Crash;
using ModelFs.Cache.Disk;
using ModelFs.Cache.Fetching;
using ModelFs.Cache.Objects;

namespace ModelFs.Cache.Tests;

public sealed class ObjectFileTests : IDisposable
{
    private const int Block = CacheOptions.BlockSize;

    private readonly DirectoryInfo directory = Directory.CreateTempSubdirectory("modelfs-object-");

    public void Dispose() => directory.Delete(recursive: true);

    [Theory]
    [InlineData(1)]
    [InlineData(4095)]
    [InlineData(4097)]
    [InlineData(Block)]
    public void Neighbours_are_written_in_one_go_to_the_last_byte(int last)
    {
        byte[] content = TestContent.Make("neighbours", 2 * Block + last);
        using var file = Open();
        file.Write(Blocks(content), content.Length, 3 * Block);
        Expect(content, 3 * Block);
        Assert.Equal(3 * Block + content.Length, file.Stamp().Size);
    }

    [Fact]
    public void Writes_side_by_side_and_out_of_order_leave_each_byte_where_it_belongs()
    {
        const int Runs = 16, Run = 2 * Block;
        byte[] content = TestContent.Make("side by side", Runs * Run + 777);
        using var file = Open();
        Parallel.For(0, Runs + 1, new ParallelOptions { MaxDegreeOfParallelism = 4 }, i =>
        {
            int from = (Runs - i) * Run;
            byte[] part = content[from..Math.Min(content.Length, from + Run)];
            file.Write(Blocks(part), part.Length, from);
        });
        Assert.Equal(0, file.Sync());
        Expect(content, 0);
    }

    [Fact]
    public void What_was_never_written_of_a_place_is_given_back_and_the_file_reads_as_before()
    {
        byte[] content = TestContent.Make("set aside", 2 * Block);
        using var file = Open();
        Assert.True(file.TryAllocate(0, 16 * Block));
        file.Write(Blocks(content), content.Length, 5 * Block);
        Assert.InRange(file.Stamp().Allocated, 16 * Block, 17 * Block);
        byte[] before = File.ReadAllBytes(Path.Combine(directory.FullName, "object"));

        Assert.Equal(14 * Block, file.GiveBack(0, 16 * Block));
        Assert.InRange(file.Stamp().Allocated, 2 * Block, 3 * Block);
        Assert.True(File.ReadAllBytes(Path.Combine(directory.FullName, "object")).AsSpan().SequenceEqual(before));
        Expect(content, 5 * Block);
    }

    [Fact]
    public void Writers_and_readers_who_learn_at_once_that_pages_cannot_be_dropped_all_go_on()
    {
        // A filesystem in memory refuses it, to each first call of a file.
        var memory = Directory.CreateDirectory(Path.Combine("/dev/shm", directory.Name));
        try
        {
            byte[] content = TestContent.Make("tail", 100);
            for (int i = 0; i < 200; i++)
            {
                using var file = ObjectFile.Open(Path.Combine(memory.FullName, $"{i}"), create: true)!;
                using var again = ObjectFile.Open(Path.Combine(memory.FullName, $"{i}"), create: false)!;
                AtOnce(n => file.Write(Blocks(content), content.Length, n * Block));
                AtOnce(n =>
                {
                    byte[] read = GC.AllocateUninitializedArray<byte>(content.Length, pinned: true);
                    Assert.Equal(content.Length, again.ReadOnce(read, read.Length, n * Block));
                    Assert.Equal(content, read);
                });
            }
        }
        finally
        {
            memory.Delete(recursive: true);
        }
    }

    [Fact]
    public void A_writer_takes_the_neighbours_that_wait_and_leaves_what_lies_beyond_a_gap()
    {
        var queue = new WriteQueue();
        foreach (int number in new[] { 7, 3, 2, 9, 4, 8 })
            queue.Add(new InflightBlock(null!, number));
        Assert.Equal([2, 3, 4], queue.Take().Select(block => block.Number));
        Assert.Equal([7, 8, 9], queue.Take().Select(block => block.Number));
        Assert.Empty(queue.Take());
    }

    private static void AtOnce(Action<int> act)
    {
        using var start = new Barrier(4);
        var tasks = Enumerable.Range(0, 4).Select(n => Task.Factory.StartNew(
            () =>
            {
                start.SignalAndWait();
                act(n);
            },
            CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default)).ToArray();
        Task.WaitAll(tasks);
    }

    private static BlockBuffer[] Blocks(byte[] content) => content.Chunk(Block).Select(part =>
    {
        var buffer = new BlockBuffer();
        part.CopyTo(buffer.Memory);
        return buffer;
    }).ToArray();

    private void Expect(byte[] content, int offset) =>
        Assert.True(File.ReadAllBytes(Path.Combine(directory.FullName, "object")).AsSpan(offset, content.Length).SequenceEqual(content));

    private IObjectFile Open() => ObjectFile.Open(Path.Combine(directory.FullName, "object"), create: true)!;
}
