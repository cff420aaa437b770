namespace ModelFs.Cache.Tests;

internal static class HandleReads
{
    /// <summary>Reads as the mount does: at once where possible, else waiting; checks nothing.</summary>
    public static async Task<(byte[] Bytes, int Errno)> ReadAsync(this ObjectHandle handle, long offset, int length)
    {
        byte[] buffer = new byte[length];
        if (handle.TryRead(offset, buffer, out int count))
            return (buffer[..count], 0);
        var read = await handle.ReadAsync(offset, buffer, CancellationToken.None).AsTask().WaitAsync(TestCache.Patience);
        return (buffer[..(int)read.Value], read.Errno);
    }

    /// <summary>Reads a range and compares it with the content, cut at its end.</summary>
    public static async Task ExpectAsync(this ObjectHandle handle, byte[] content, long offset, int length)
    {
        var (bytes, errno) = await handle.ReadAsync(offset, length);
        Assert.Equal(0, errno);
        int expected = (int)Math.Clamp(content.Length - offset, 0, length);
        Assert.Equal(expected, bytes.Length);
        Assert.True(bytes.AsSpan().SequenceEqual(content.AsSpan((int)Math.Min(offset, content.Length), expected)), $"wrong bytes in {offset}+{length}");
    }

    /// <summary>Reads all of it in pieces, as <c>cat</c> does.</summary>
    public static async Task ExpectAllAsync(this ObjectHandle handle, byte[] content, int piece = 128 * 1024)
    {
        for (long offset = 0; offset <= content.Length; offset += piece)
            await handle.ExpectAsync(content, offset, piece);
    }

    /// <summary>Waits for what happens in the background.</summary>
    public static async Task UntilAsync(Func<bool> condition, string what)
    {
        for (int i = 0; i < 600; i++)
        {
            if (condition())
                return;
            await Task.Delay(50);
        }

        Assert.Fail($"waited in vain: {what}");
    }
}
