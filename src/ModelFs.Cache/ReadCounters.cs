namespace ModelFs.Cache;

/// <summary>What readers got of one registry's files.</summary>
internal sealed class ReadCounters
{
    private long hits;
    private long misses;

    public Mode Sealed { get; } = new();

    public Mode Lazy { get; } = new();

    /// <summary>Bytes in either mode.</summary>
    public long Bytes => Sealed.Bytes + Lazy.Bytes;

    public long Hits => Volatile.Read(ref hits);

    public long Misses => Volatile.Read(ref misses);

    /// <param name="waited">Whether it waited for bytes to come from the source.</param>
    public void Add(int bytes, bool isSealed, bool waited)
    {
        (isSealed ? Sealed : Lazy).Add(bytes);
        Interlocked.Increment(ref waited ? ref misses : ref hits);
    }

    internal sealed class Mode
    {
        private long reads;
        private long bytes;

        public long Reads => Volatile.Read(ref reads);

        public long Bytes => Volatile.Read(ref bytes);

        public void Add(int count)
        {
            Interlocked.Increment(ref reads);
            Interlocked.Add(ref bytes, count);
        }
    }
}
