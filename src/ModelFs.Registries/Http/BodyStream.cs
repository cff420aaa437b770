namespace ModelFs.Registries.Http;

/// <summary>
/// A response's body that cannot hang and cannot be short unnoticed: reading ends with an <see cref="IOException"/> when nothing
/// arrives for the stall timeout or when fewer bytes arrive than are due. More than are due are never read.
/// </summary>
/// <remarks>Owns the response. One reader at a time. A read that is cancelled spends the stream: what it had received is lost.</remarks>
internal sealed class BodyStream(
    HttpResponseMessage response, Stream inner, long? due, TimeSpan stallTimeout, TimeProvider time, Action<int> received) : ForwardStream
{
    private readonly CancellationTokenSource stop = new(Timeout.InfiniteTimeSpan, time);
    private long position;

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (due is { } end && end - position < buffer.Length) buffer = buffer[..(int)(end - position)];
        if (buffer.IsEmpty) return 0;
        int count;
        try
        {
            cancellationToken.ThrowIfCancellationRequested();
            var reading = inner.ReadAsync(buffer, stop.Token);
            count = reading.IsCompletedSuccessfully ? reading.Result : await WaitAsync(reading, cancellationToken);
        }
        catch (OperationCanceledException)
        {
            cancellationToken.ThrowIfCancellationRequested();
            throw new IOException($"The body stalled: nothing came for {stallTimeout.TotalSeconds:0.###} s after {position} bytes.");
        }
        catch (HttpRequestException e)
        {
            throw new IOException($"The body broke off after {position} bytes.", e);
        }

        position += count;
        if (count == 0 && due is { } length) throw new IOException($"The body ended after {position} of {length} bytes.");
        received(count);
        return count;
    }

    private async ValueTask<int> WaitAsync(ValueTask<int> reading, CancellationToken cancellation)
    {
        using var registration = cancellation.UnsafeRegister(static source => ((CancellationTokenSource)source!).Cancel(), stop);
        stop.CancelAfter(stallTimeout);
        var count = await reading;
        stop.CancelAfter(Timeout.InfiniteTimeSpan);
        return count;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            inner.Dispose();
            response.Dispose();
            stop.Dispose();
        }

        base.Dispose(disposing);
    }
}
