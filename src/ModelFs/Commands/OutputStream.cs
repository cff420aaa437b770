namespace ModelFs.Commands;

/// <summary>Standard output could not be written, which is another matter than a source that cannot be read.</summary>
internal sealed class OutputException(IOException inner) : Exception(inner.Message, inner)
{
    private const int BrokenPipe = 32;

    /// <summary>.NET puts the errno where Windows would have its HRESULT.</summary>
    public bool IsBrokenPipe => (InnerException!.HResult & 0xFFFF) == BrokenPipe;
}

/// <summary>Passes writes on and marks their failures as the output's.</summary>
internal sealed class OutputStream(Stream output) : Stream
{
    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        try
        {
            await output.WriteAsync(buffer, cancellationToken).ConfigureAwait(false);
        }
        catch (IOException e)
        {
            throw new OutputException(e);
        }
    }

    public override void Write(byte[] buffer, int offset, int count) => WriteAsync(buffer.AsMemory(offset, count)).AsTask().GetAwaiter().GetResult();

    public override void Flush() => output.Flush();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();
}
