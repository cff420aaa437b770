namespace ModelFs.Fuse.Protocol;

/// <summary>What the kernel asks (enum fuse_opcode of include/uapi/linux/fuse.h, protocol 7.45).</summary>
internal enum FuseOpcode : uint
{
    Lookup = 1,
    Forget = 2,
    GetAttr = 3,
    SetAttr = 4,
    ReadLink = 5,
    Symlink = 6,
    MkNod = 8,
    MkDir = 9,
    Unlink = 10,
    RmDir = 11,
    Rename = 12,
    Link = 13,
    Open = 14,
    Read = 15,
    Write = 16,
    StatFs = 17,
    Release = 18,
    SetXAttr = 21,
    GetXAttr = 22,
    ListXAttr = 23,
    RemoveXAttr = 24,
    Flush = 25,
    Init = 26,
    OpenDir = 27,
    ReadDir = 28,
    ReleaseDir = 29,
    Access = 34,
    Create = 35,
    Interrupt = 36,
    Destroy = 38,
    BatchForget = 42,
    FAllocate = 43,
    ReadDirPlus = 44,
    Rename2 = 45,
    LSeek = 46,
    CopyFileRange = 47,
    TmpFile = 51,
    StatX = 52,
    CopyFileRange64 = 53,
}

/// <summary>What the session tells the kernel unasked: the error field of a message whose unique is 0.</summary>
internal enum FuseNotification
{
    InvalidateInode = 2,
    InvalidateEntry = 3,
}
