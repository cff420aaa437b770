namespace ModelFs.Fuse.Tests.Mounting;

public sealed class DirectoryNamesTests : MountSandbox
{
    [Fact]
    public void All_names_are_read_and_no_link_is_followed_into_a_mount_that_never_answers()
    {
        using var silent = MountWithoutSession();
        Directory.CreateDirectory(Path.Join(Root, "many"));
        var expected = Enumerable.Range(0, 2000).Select(i => $"a link with a name that is long enough to fill buffers {i} é").Append(".hidden").ToList();
        foreach (string name in expected)
            File.CreateSymbolicLink(Path.Join(Root, "many", name), $"{MountPoint}/below");

        Assert.Equal(expected.Order(StringComparer.Ordinal), DirectoryNames.Read(Path.Join(Root, "many")).Order(StringComparer.Ordinal));
        Assert.Throws<IOException>(() => DirectoryNames.Read(Path.Join(Root, "absent")));
    }
}
