using ModelFs.Cache;
using ModelFs.Fuse;
using ModelFs.Registries;

namespace ModelFs.Vfs;

/// <summary>Which errno a failure becomes. The only place that decides it.</summary>
internal static class Errnos
{
    public static Errno Of(RegistryError error) => error.Kind switch
    {
        RegistryErrorKind.NotFound => Errno.ENOENT,
        RegistryErrorKind.Denied => Errno.EACCES,
        RegistryErrorKind.Unsupported => Errno.EOPNOTSUPP,
        // Down, slow or talking nonsense is never ENOENT: a program that takes "no such file" for an answer would go on without its model.
        _ => Errno.EIO,
    };

    /// <summary>The same for bytes of a file whose manifest is known: that the origin lost it does not make the name go away.</summary>
    public static Errno OfContent(RegistryError error) => error.Kind == RegistryErrorKind.NotFound ? Errno.EIO : Of(error);

    /// <summary>What the cache answers is an errno already, its source's or EIO.</summary>
    public static Errno Of(CacheRead read) => (Errno)read.Errno;
}
