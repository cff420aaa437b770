namespace ModelFs.Registries.Http;

/// <summary>More bytes than any sane answer has.</summary>
internal sealed class AnswerTooLongException(long limit) : IOException($"it is longer than {limit} bytes");

/// <summary>Reads at most <paramref name="limit"/> bytes of another stream, and says so when there are more.</summary>
internal sealed class BoundedStream(Stream inner, long limit) : ForwardStream
{
    private long position;

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var count = await inner.ReadAsync(buffer, cancellationToken);
        position += count;
        return position <= limit ? count : throw new AnswerTooLongException(limit);
    }
}
