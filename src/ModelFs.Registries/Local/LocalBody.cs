using Microsoft.Win32.SafeHandles;

namespace ModelFs.Registries.Local;

/// <summary>A piece of a local file; one that has become shorter ends it with an <see cref="IOException"/>.</summary>
internal sealed class LocalBody(SafeFileHandle file, long offset, long due, Action<int> received) : ForwardStream
{
    private long position;

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (due - position < buffer.Length) buffer = buffer[..(int)(due - position)];
        if (buffer.IsEmpty) return 0;
        var count = await RandomAccess.ReadAsync(file, buffer, offset + position, cancellationToken);
        if (count == 0) throw new IOException($"The file ended after {offset + position} of {offset + due} bytes.");
        position += count;
        received(count);
        return count;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing) file.Dispose();
        base.Dispose(disposing);
    }
}
