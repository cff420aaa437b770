using System.Buffers.Binary;

namespace ModelFs.Fuse.Protocol;

/// <summary>What both sides agreed on.</summary>
/// <param name="Minor">The smaller of both sides' minor versions.</param>
/// <param name="MaxRead">Bytes of the largest READ that the kernel sends.</param>
internal sealed record FuseConnection(uint Minor, InitFlags Flags, int MaxRead);

internal enum HandshakeOutcome
{
    /// <summary>The reply is final.</summary>
    Agreed,

    /// <summary>The kernel speaks a newer major version; it asks again, in ours, once it has the reply.</summary>
    AskedToRepeat,

    /// <summary>There is nothing to agree on. The reply is an error.</summary>
    Refused,
}

/// <summary>Answers INIT: the intersection of what the kernel offers and what this library wants.</summary>
internal static class Handshake
{
    private const uint Major = 7;
    private const uint Minor = 45;

    /// <summary>Linux 5.4. Below it the replies have other shapes; what is served in earnest begins at 7.37 (Linux 6.1).</summary>
    private const uint OldestMinor = 31;

    public const int PageSize = 4096;

    /// <summary>1 MiB: <c>fs.fuse.max_pages_limit</c> as kernels ship it.</summary>
    private const int MaxPages = 256;

    /// <summary>What a kernel without MAX_PAGES uses (FUSE_DEFAULT_MAX_PAGES_PER_REQ).</summary>
    private const int DefaultMaxPages = 32;

    /// <summary>
    /// Requests that may wait in the background. At the kernel's default of 12, twenty readers that hang in cold reads
    /// keep a 21st from a file that could be answered at once.
    /// </summary>
    private const ushort MaxBackground = 1024;

    private const ushort CongestionThreshold = MaxBackground * 3 / 4;

    /// <summary>The kernel's own minimum: nothing is written here, and it keeps the buffers of the reader threads small.</summary>
    private const uint MaxWrite = 4096;

    /// <summary>
    /// Not among them, each on purpose. CACHE_SYMLINKS: a link's target would not change again for as long as its dentry lives.
    /// NO_OPEN_SUPPORT and NO_OPENDIR_SUPPORT: they exclude passthrough, and caching that is decided at each open.
    /// OVER_IO_URING: requests in flight would die with the process that serves them.
    /// </summary>
    private const InitFlags Wanted =
        InitFlags.AsyncRead | InitFlags.DoReadDirPlus | InitFlags.ReadDirPlusAuto | InitFlags.ParallelDirOps | InitFlags.MaxPages |
        InitFlags.ExplicitInvalData | InitFlags.InitExt | InitFlags.Passthrough | InitFlags.HasResend | InitFlags.AllowIdMap;

    /// <param name="body">The INIT request behind its header.</param>
    /// <returns>False when the request is too short to be one.</returns>
    public static bool TryAnswer(ReadOnlySpan<byte> body, out HandshakeOutcome outcome, out InitOut reply, out FuseConnection? connection)
    {
        outcome = HandshakeOutcome.Refused;
        reply = default;
        connection = null;
        if (!RequestParser.TryTake(ref body, out InitIn init))
            return false;

        if (init.Major > Major)
        {
            outcome = HandshakeOutcome.AskedToRepeat;
            reply = new InitOut { Major = Major, Minor = Minor };
            return true;
        }

        if (init.Major < Major || init.Minor < OldestMinor)
            return true;

        var offered = (InitFlags)init.Flags;
        if (offered.HasFlag(InitFlags.InitExt) && BinaryPrimitives.TryReadUInt32LittleEndian(body, out uint flags2))
            offered |= (InitFlags)((ulong)flags2 << 32);

        InitFlags agreed = offered & Wanted;
        int maxPages = agreed.HasFlag(InitFlags.MaxPages) ? MaxPages : DefaultMaxPages;
        uint minor = Math.Min(init.Minor, Minor);
        outcome = HandshakeOutcome.Agreed;
        connection = new FuseConnection(minor, agreed, maxPages * PageSize);
        reply = new InitOut
        {
            Major = Major,
            Minor = minor,
            MaxReadAhead = init.MaxReadAhead,
            Flags = (uint)agreed,
            Flags2 = (uint)((ulong)agreed >> 32),
            MaxBackground = MaxBackground,
            CongestionThreshold = CongestionThreshold,
            MaxWrite = MaxWrite,
            TimeGranularity = 1,
            MaxPages = agreed.HasFlag(InitFlags.MaxPages) ? (ushort)MaxPages : (ushort)0,
            // A backing file lies directly on a local filesystem: one level is all that passthrough needs.
            MaxStackDepth = agreed.HasFlag(InitFlags.Passthrough) ? 1u : 0u,
        };
        return true;
    }
}
