namespace ModelFs.Fuse.Protocol;

/// <summary>The library's types as the kernel's structures.</summary>
internal static class ReplyEncoder
{
    private const long NanosecondsPerSecond = 1_000_000_000;

    /// <summary>STATX_BASIC_STATS and STATX_BTIME: one time stands for all four.</summary>
    private const uint StatXMask = 0x7ff | 0x800;

    public static EntryOut Entry(in FuseEntry entry)
    {
        (ulong entrySeconds, uint entryNanoseconds) = Ttl(entry.EntryTtl);
        if (entry.NodeId == 0)
            return new EntryOut { EntryValid = entrySeconds, EntryValidNanoseconds = entryNanoseconds };

        (ulong attrSeconds, uint attrNanoseconds) = Ttl(entry.AttributesTtl);
        return new EntryOut
        {
            Node = entry.NodeId,
            Generation = entry.Generation,
            EntryValid = entrySeconds,
            EntryValidNanoseconds = entryNanoseconds,
            AttrValid = attrSeconds,
            AttrValidNanoseconds = attrNanoseconds,
            Attr = Attributes(entry.Attributes),
        };
    }

    public static AttrOut AttributesReply(in FuseAttributesReply reply)
    {
        (ulong seconds, uint nanoseconds) = Ttl(reply.Ttl);
        return new AttrOut { Valid = seconds, ValidNanoseconds = nanoseconds, Attr = Attributes(reply.Attributes) };
    }

    public static StatXOut StatX(in FuseAttributesReply reply)
    {
        (ulong validSeconds, uint validNanoseconds) = Ttl(reply.Ttl);
        Attr attr = Attributes(reply.Attributes);
        var time = new StatXTime { Seconds = (long)attr.MTime, Nanoseconds = attr.MTimeNanoseconds };
        return new StatXOut
        {
            Valid = validSeconds,
            ValidNanoseconds = validNanoseconds,
            Mask = StatXMask,
            BlockSize = attr.BlockSize,
            Links = attr.Links,
            Uid = attr.Uid,
            Gid = attr.Gid,
            Mode = (ushort)attr.Mode,
            Inode = attr.Inode,
            Size = attr.Size,
            Blocks = attr.Blocks,
            ATime = time,
            BTime = time,
            CTime = time,
            MTime = time,
        };
    }

    public static Attr Attributes(in FuseAttributes attributes)
    {
        // Rounded down, so that a time before 1970 keeps nanoseconds that are positive, as the kernel has them.
        (long seconds, long nanoseconds) = Math.DivRem(attributes.TimeNanoseconds, NanosecondsPerSecond);
        if (nanoseconds < 0)
            (seconds, nanoseconds) = (seconds - 1, nanoseconds + NanosecondsPerSecond);

        return new Attr
        {
            Inode = attributes.Inode,
            Size = (ulong)attributes.Size,
            // Whole 512-byte blocks also where nothing is stored yet: with fewer, cp and tar see holes.
            Blocks = ((ulong)attributes.Size + 511) / 512,
            ATime = (ulong)seconds,
            MTime = (ulong)seconds,
            CTime = (ulong)seconds,
            ATimeNanoseconds = (uint)nanoseconds,
            MTimeNanoseconds = (uint)nanoseconds,
            CTimeNanoseconds = (uint)nanoseconds,
            Mode = ((uint)attributes.Type << 12) | (attributes.Permissions & 0xfff),
            Links = attributes.Links,
            Uid = attributes.Uid,
            Gid = attributes.Gid,
            BlockSize = attributes.BlockSize,
        };
    }

    public static StatFsOut Statistics(in FuseStatistics statistics) => new()
    {
        Blocks = statistics.Blocks,
        FreeBlocks = statistics.FreeBlocks,
        AvailableBlocks = statistics.AvailableBlocks,
        Files = statistics.Files,
        FreeFiles = statistics.FreeFiles,
        BlockSize = statistics.BlockSize,
        FragmentSize = statistics.BlockSize,
        NameLength = statistics.NameLength,
    };

    private static (ulong Seconds, uint Nanoseconds) Ttl(TimeSpan ttl)
    {
        if (ttl <= TimeSpan.Zero)
            return (0, 0);

        long ticks = ttl.Ticks % TimeSpan.TicksPerSecond;
        return ((ulong)(ttl.Ticks / TimeSpan.TicksPerSecond), (uint)(ticks * TimeSpan.NanosecondsPerTick));
    }
}
