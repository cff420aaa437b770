using ModelFs.Fuse;
using ModelFs.Registries;

namespace ModelFs.Vfs.Tests;

public sealed class ErrnosTests
{
    [Theory]
    [InlineData(RegistryErrorKind.NotFound, Errno.ENOENT, Errno.EIO)]
    [InlineData(RegistryErrorKind.Denied, Errno.EACCES, Errno.EACCES)]
    [InlineData(RegistryErrorKind.Unavailable, Errno.EIO, Errno.EIO)]
    [InlineData(RegistryErrorKind.Malformed, Errno.EIO, Errno.EIO)]
    [InlineData(RegistryErrorKind.Unsupported, Errno.EOPNOTSUPP, Errno.EOPNOTSUPP)]
    [InlineData(RegistryErrorKind.Changed, Errno.EIO, Errno.EIO)]
    public void A_failure_is_this_errno_to_a_name_and_this_to_a_read(RegistryErrorKind kind, Errno name, Errno read)
    {
        Assert.Equal(name, Errnos.Of(new RegistryError(kind, "")));
        Assert.Equal(read, Errnos.OfContent(new RegistryError(kind, "")));
    }

    [Fact]
    public void Every_kind_of_failure_has_a_row_here() => Assert.Equal(6, Enum.GetValues<RegistryErrorKind>().Length);
}
