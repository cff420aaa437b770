namespace ModelFs.Fuse.Protocol;

/// <summary>The capabilities (FUSE_*) that this library asks for, both halves in one: the upper 32 bits travel in flags2, if INIT_EXT is set.</summary>
[Flags]
internal enum InitFlags : ulong
{
    None = 0,
    AsyncRead = 1UL << 0,
    DoReadDirPlus = 1UL << 13,
    ReadDirPlusAuto = 1UL << 14,
    ParallelDirOps = 1UL << 18,
    MaxPages = 1UL << 22,
    ExplicitInvalData = 1UL << 25,
    InitExt = 1UL << 30,
    Passthrough = 1UL << 37,
    HasResend = 1UL << 39,
    AllowIdMap = 1UL << 40,
}
