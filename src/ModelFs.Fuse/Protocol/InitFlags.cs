namespace ModelFs.Fuse.Protocol;

/// <summary>The capabilities that INIT negotiates (FUSE_*), both halves in one: the upper 32 bits travel in flags2, if INIT_EXT is set.</summary>
[Flags]
internal enum InitFlags : ulong
{
    None = 0,
    AsyncRead = 1UL << 0,
    DoReadDirPlus = 1UL << 13,
    ReadDirPlusAuto = 1UL << 14,
    NoOpenSupport = 1UL << 17,
    ParallelDirOps = 1UL << 18,
    MaxPages = 1UL << 22,
    CacheSymlinks = 1UL << 23,
    NoOpenDirSupport = 1UL << 24,
    ExplicitInvalData = 1UL << 25,
    InitExt = 1UL << 30,
    Passthrough = 1UL << 37,
    HasResend = 1UL << 39,
    AllowIdMap = 1UL << 40,
    OverIoUring = 1UL << 41,
}
