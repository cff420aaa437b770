using ModelFs.Testing.Kernel;

namespace ModelFs.Fuse.Tests.Session;

public sealed class ExtendedAttributeTests
{
    private readonly ScriptedFileSystem fileSystem = new()
    {
        OnGetExtendedAttribute = name => name == "user.modelfs.digest" ? new((ReadOnlyMemory<byte>)"sha256:ab"u8.ToArray()) : new(Errno.ENODATA),
        OnListExtendedAttributes = () => new((ReadOnlyMemory<byte>)"user.a\0user.b\0"u8.ToArray()),
    };

    [Fact]
    public async Task Size_0_asks_how_long_the_value_is()
    {
        await using SessionUnderTest session = await SessionUnderTest.StartAsync(fileSystem);

        ScriptedReply value = await session.Kernel.GetXAttrAsync(2, "user.modelfs.digest", size: 0);
        ScriptedReply names = await session.Kernel.ListXAttrAsync(2, size: 0);

        Assert.Equal((8, 9u), (value.Payload.Length, value.U32(0)));
        Assert.Equal((8, 14u), (names.Payload.Length, names.U32(0)));
    }

    [Fact]
    public async Task A_value_that_fits_exactly_is_given()
    {
        await using SessionUnderTest session = await SessionUnderTest.StartAsync(fileSystem);

        Assert.Equal("sha256:ab", (await session.Kernel.GetXAttrAsync(2, "user.modelfs.digest", size: 9)).Text);
        Assert.Equal("user.a\0user.b\0", (await session.Kernel.ListXAttrAsync(2, size: 14)).Text);
    }

    [Fact]
    public async Task A_size_that_is_too_small_is_erange()
    {
        await using SessionUnderTest session = await SessionUnderTest.StartAsync(fileSystem);

        Assert.Equal((int)Errno.ERANGE, (await session.Kernel.GetXAttrAsync(2, "user.modelfs.digest", size: 8)).Error);
        Assert.Equal((int)Errno.ERANGE, (await session.Kernel.ListXAttrAsync(2, size: 13)).Error);
    }

    [Fact]
    public async Task An_attribute_that_is_not_there_is_what_the_handler_says()
    {
        await using SessionUnderTest session = await SessionUnderTest.StartAsync(fileSystem);

        Assert.Equal((int)Errno.ENODATA, (await session.Kernel.GetXAttrAsync(2, "security.capability")).Error);
    }
}
