using ModelFs.Cache;

namespace ModelFs.Benchmarks.Micro;

/// <summary>An origin that costs nothing, and says how often it was asked.</summary>
internal sealed class MemorySource(byte[] content) : IObjectSource
{
    private int opened;

    public int Opened => Volatile.Read(ref opened);

    public ValueTask<SourceStream> OpenAsync(long offset, long length, CancellationToken cancellation)
    {
        Interlocked.Increment(ref opened);
        var stream = new MemoryStream(content, (int)offset, (int)Math.Min(length, content.Length - offset), writable: false);
        return new(new SourceStream(stream, offset, content.Length));
    }
}
