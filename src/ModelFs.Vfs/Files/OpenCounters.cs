namespace ModelFs.Vfs.Files;

/// <summary>Which way an open went, and if not past us, the first reason.</summary>
internal enum OpenWay
{
    /// <summary>The kernel reads the file itself.</summary>
    PassedThrough,

    /// <summary>Nothing of this mount passes through: <see cref="Passthrough.Obstacle"/> says why.</summary>
    Obstructed,

    /// <summary>The file is fetched as it is read.</summary>
    Incomplete,

    /// <summary>Who came by a name or a descriptor of before it was complete finds others who read it through us.</summary>
    Held,

    /// <summary>It is complete, and being verified after a crash, or because somebody touched it.</summary>
    Unverified,
}

/// <summary>How files were opened, for <see cref="Metrics"/>.</summary>
internal sealed class OpenCounters
{
    private readonly long[] counts = new long[(int)OpenWay.Unverified + 1];

    public long this[OpenWay way] => Volatile.Read(ref counts[(int)way]);

    public void Add(OpenWay way) => Interlocked.Increment(ref counts[(int)way]);
}
