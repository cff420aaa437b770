namespace ModelFs.Fuse;

/// <summary>The error numbers of Linux (asm-generic/errno.h) that a filesystem answers with.</summary>
public enum Errno
{
    None = 0,
    EPERM = 1,
    ENOENT = 2,
    EINTR = 4,
    EIO = 5,
    ENXIO = 6,
    EAGAIN = 11,
    ENOMEM = 12,
    EACCES = 13,
    EFAULT = 14,
    EBUSY = 16,
    EEXIST = 17,
    ENODEV = 19,
    ENOTDIR = 20,
    EISDIR = 21,
    EINVAL = 22,
    ENOSPC = 28,
    EROFS = 30,
    ERANGE = 34,
    ENAMETOOLONG = 36,
    ENOSYS = 38,
    ELOOP = 40,
    ENODATA = 61,
    EPROTO = 71,
    EOPNOTSUPP = 95,
    ENOTCONN = 107,
    ETIMEDOUT = 110,
    ESTALE = 116,
}
