namespace ModelFs.Registries.Http;

/// <summary>
/// A response's body that cannot hang and cannot be short unnoticed: reading ends with an <see cref="IOException"/> when nothing
/// arrives for the stall timeout or when fewer bytes arrive than are due. More than are due are never read.
/// </summary>
/// <remarks>
/// Owns the response. One reader at a time. A read that is cancelled spends the stream: what it had received is lost. A read may end on the
/// thread that reads the sockets of all (see <see cref="PoolThread"/>): whoever awaits it must not block there, nor work for long.
/// </remarks>
internal sealed class BodyStream(
    HttpResponseMessage response, Stream inner, long? due, TimeSpan stallTimeout, TimeProvider time, Action<int> received) : ForwardStream
{
    /// <summary>What a sender that is faster than we are may bring without a wait before others get their turn: a request's worth, 2 to 4 ms.</summary>
    private const int Turn = 4 << 20;

    private readonly CancellationTokenSource stop = new(Timeout.InfiniteTimeSpan, time);
    private long position;
    private int unwaited;

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (due is { } end && end - position < buffer.Length) buffer = buffer[..(int)(end - position)];
        if (buffer.IsEmpty) return 0;
        int count;
        try
        {
            cancellationToken.ThrowIfCancellationRequested();
            var reading = inner.ReadAsync(buffer, stop.Token);
            var isHere = reading.IsCompletedSuccessfully;
            count = isHere ? reading.Result : await WaitAsync(reading, cancellationToken);
            unwaited = isHere ? unwaited + count : 0;
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
        if (unwaited >= Turn)
        {
            unwaited = 0;
            await PoolThread.EnterAsync();
        }

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
