using System.Text;
using FsCheck;
using FsCheck.Fluent;

namespace ModelFs.Fuse.Tests.Mounting;

public sealed class MountTableTests
{
    [Fact]
    public void Every_line_of_this_machine_is_understood()
    {
        byte[] text = File.ReadAllBytes("/proc/self/mountinfo");

        Assert.Equal(text.Count(each => each == '\n'), MountTable.Parse(text).Count);
        Assert.Contains(MountTable.Read(), mount => mount is { MountPoint: "/proc", FileSystemType: "proc" });
    }

    [Theory]
    [InlineData("36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue", "/mnt2", "ext3", "/dev/root")]
    [InlineData("36 35 0:45 / /a\\040b\\011c\\012d\\134e\\043 ro shared:1 master:2 propagate_from:3 - fuse.modelfs modelfs ro,user_id=0", "/a b\tc\nd\\e#", "fuse.modelfs", "modelfs")]
    [InlineData("36 35 0:45 / /ünïcode-模型 ro - fuse.modelfs my\\040source ro", "/ünïcode-模型", "fuse.modelfs", "my source")]
    public void A_line_gives_its_fields_unescaped(string line, string mountPoint, string type, string source)
    {
        MountEntry entry = Assert.Single(MountTable.Parse(Encoding.UTF8.GetBytes(line + "\n")));

        Assert.Equal((36, 35, mountPoint, type, source), (entry.Id, entry.ParentId, entry.MountPoint, entry.FileSystemType, entry.Source));
    }

    [Theory]
    [InlineData("")]
    [InlineData("garbage")]
    [InlineData("36 35 98:0 / /mnt rw - ext3")]
    [InlineData("x 35 98:0 / /mnt rw - ext3 /dev/root rw")]
    [InlineData("36 35 98:0 / /mnt rw shared:1 master:2 ext3 /dev/root rw")]
    public void A_line_of_another_shape_is_left_out(string line)
    {
        Assert.Empty(MountTable.Parse(Encoding.UTF8.GetBytes(line)));
    }

    [Fact]
    public void Any_bytes_are_parsed_without_an_exception()
    {
        Prop.ForAll(Gen.Elements(" \\-0127:/a\n".ToCharArray()).Select(each => (byte)each).ArrayOf().ToArbitrary(), text =>
        {
            Assert.NotNull(MountTable.Parse(text));
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void The_top_of_a_stack_is_the_mount_that_no_other_of_them_covers()
    {
        IReadOnlyList<MountEntry> mounts =
        [
            new(30, 20, "0:31", "/m", "fuse.modelfs", "modelfs"),
            new(25, 30, "0:32", "/m", "fuse.modelfs", "modelfs"),
            new(40, 25, "0:33", "/m/sub", "tmpfs", "tmpfs"),
        ];

        Assert.Equal(25, MountTable.FindTop(mounts, "/m")?.Id);
        Assert.Equal(40, MountTable.FindTop(mounts, "/m/sub")?.Id);
        Assert.Null(MountTable.FindTop(mounts, "/other"));
    }
}
