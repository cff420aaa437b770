using FASTER.core;
using ModelFs.Cache.Disk;

namespace ModelFs.Cache.Index;

/// <summary>The files of FASTER's log, read and written on a thread of our own.</summary>
/// <remarks>
/// What a manifest may speak of is written once: FASTER writes whole sectors, so that each flush begins with the last records of the former
/// one, whose headers its recovery has changed meanwhile; killed before the next manifest, the log would not be what this one says.
/// </remarks>
internal sealed class IndexDevice(string path) : StorageDeviceBase(path, 512, Devices.CAPACITY_UNSPECIFIED)
{
    private readonly WorkThreads thread = new("index-io", 1);
    private readonly IndexFiles files = new(path);
    private long kept;

    public override void WriteAsync(nint source, int segment, ulong offset, uint count, DeviceIOCompletionCallback callback, object context) =>
        thread.Post(new Transfer(() =>
        {
            long skipped = Math.Clamp(Volatile.Read(ref kept) - segment * (long)IndexManifest.SegmentSize - (long)offset, 0, count);
            files.Write(segment, (long)offset + skipped, source + (nint)skipped, (int)(count - skipped));
            callback(0, count, context);
        }));

    public override void ReadAsync(int segment, ulong offset, nint destination, uint count, DeviceIOCompletionCallback callback, object context) =>
        thread.Post(new Transfer(() =>
        {
            files.Read(segment, (long)offset, destination, (int)count);
            callback(0, count, context);
        }));

    public override void RemoveSegmentAsync(int segment, AsyncCallback callback, IAsyncResult result)
    {
        files.Remove(segment);
        callback(result);
    }

    /// <summary>Nothing below this address is written from now on. All of it has been handed to this device.</summary>
    public void Keep(long end) => Volatile.Write(ref kept, end);

    /// <inheritdoc cref="IndexFiles.Sync"/>
    public bool Sync() => files.Sync();

    /// <inheritdoc cref="IndexFiles.DeleteRemoved"/>
    public void DeleteRemoved() => files.DeleteRemoved();

    public override void Dispose()
    {
        thread.Close(TimeSpan.FromSeconds(2));
        files.Dispose();
    }

    private sealed class Transfer(Action action) : IWork
    {
        public void Run() => action();
    }
}
