using System.Runtime.InteropServices;
using ModelFs.Cache.Disk;
using ModelFs.Cache.Index;

namespace ModelFs.Cache.Tests;

public sealed class IndexFilesTests : IDisposable
{
    private const int EIO = 5;

    private readonly string directory = Directory.CreateTempSubdirectory("modelfs-files-").FullName;

    public void Dispose() => Directory.Delete(directory, recursive: true);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void What_a_failed_sync_was_about_is_written_again_before_a_later_one_confirms_it(bool isWrittenOnMeanwhile)
    {
        byte[] content = RandomBytes(8192);
        bool fails = true;
        // A kernel tells an error once, and what it could not write is not there.
        using var files = new IndexFiles(Path.Combine(directory, "log"), file =>
        {
            if (!fails)
                return Linux.SyncData((int)file.DangerousGetHandle());
            fails = false;
            RandomAccess.Write(file, new byte[4096], 0);
            return EIO;
        });
        Write(files, content.AsMemory(0, 4096), 0);
        Assert.False(files.Sync());
        if (isWrittenOnMeanwhile)
        {
            // From the last sector on, as FASTER does.
            Random.Shared.NextBytes(content.AsSpan(4000));
            Write(files, content.AsMemory(3584), 3584);
        }

        Assert.True(files.Sync());
        Assert.Equal(content[..(isWrittenOnMeanwhile ? 8192 : 4096)], File.ReadAllBytes(IndexFiles.SegmentPath(Path.Combine(directory, "log"), 0)));
    }

    [Fact]
    public async Task What_is_written_while_a_sync_runs_is_not_confirmed_by_it()
    {
        byte[] content = RandomBytes(8192);
        using ManualResetEventSlim syncing = new(), end = new();
        int syncs = 0;
        using var files = new IndexFiles(Path.Combine(directory, "log"), file =>
        {
            switch (Interlocked.Increment(ref syncs))
            {
                case 1:
                    syncing.Set();
                    end.Wait();
                    return 0;
                case 2:
                    RandomAccess.Write(file, new byte[4096], 4096);
                    return EIO;
                default:
                    return 0;
            }
        });
        Write(files, content.AsMemory(0, 4096), 0);
        var first = Task.Factory.StartNew(files.Sync, TaskCreationOptions.LongRunning);
        await HandleReads.UntilAsync(() => syncing.IsSet, "a sync begins");
        Write(files, content.AsMemory(4096), 4096);
        end.Set();
        Assert.True(await first);
        Assert.False(files.Sync());
        Assert.True(files.Sync());
        Assert.Equal(content, File.ReadAllBytes(IndexFiles.SegmentPath(Path.Combine(directory, "log"), 0)));
        Assert.True(files.Sync());
        Assert.Equal(3, syncs);
    }

    private static byte[] RandomBytes(int count)
    {
        byte[] bytes = new byte[count];
        Random.Shared.NextBytes(bytes);
        return bytes;
    }

    private static void Write(IndexFiles files, ReadOnlyMemory<byte> content, long offset)
    {
        byte[] source = GC.AllocateUninitializedArray<byte>(content.Length, pinned: true);
        content.CopyTo(source);
        files.Write(0, offset, Marshal.UnsafeAddrOfPinnedArrayElement(source, 0), source.Length);
        GC.KeepAlive(source);
    }
}
