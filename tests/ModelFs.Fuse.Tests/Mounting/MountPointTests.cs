using System.Diagnostics;
using ModelFs.Fuse.Device;

namespace ModelFs.Fuse.Tests.Mounting;

public sealed class MountPointTests : MountSandbox
{
    [Fact]
    public async Task A_missing_mount_point_is_created_where_its_parent_exists()
    {
        await MountAsync(new HelloFileSystem());

        Assert.Equal("Hello, world\n", (await Tool.RunAsync("cat", $"{MountPoint}/hello.txt")).Output);
    }

    [Fact]
    public async Task A_mount_point_without_a_parent_is_refused()
    {
        Assert.Contains("there is no directory", await RefusalAsync(Path.Join(Root, "no", "such")), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_file_is_refused()
    {
        await File.WriteAllTextAsync(MountPoint, "");

        Assert.Contains("is a file", await RefusalAsync(MountPoint), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_directory_that_is_not_empty_is_refused()
    {
        Directory.CreateDirectory(Path.Join(MountPoint, "something"));

        Assert.Contains("is not empty", await RefusalAsync(MountPoint), StringComparison.Ordinal);
        Assert.True(Directory.Exists(Path.Join(MountPoint, "something")));
    }

    [Fact]
    public async Task A_live_mount_is_refused_and_goes_on()
    {
        await MountAsync(new HelloFileSystem());

        Assert.Contains("is mounted already", await RefusalAsync(MountPoint), StringComparison.Ordinal);
        Assert.Equal("Hello, world\n", (await Tool.RunAsync("cat", $"{MountPoint}/hello.txt")).Output);
        Assert.Equal(1, CountMounts());
    }

    [Fact]
    public async Task A_mount_that_does_not_answer_is_refused_within_seconds_and_left_alone()
    {
        using KernelDevice hung = MountWithoutSession();

        Assert.Contains("does not answer", await RefusalAsync(MountPoint), StringComparison.Ordinal);
        Assert.Equal(1, CountMounts());
    }

    [Fact]
    public async Task The_corpse_of_another_filesystem_is_refused_and_left_alone()
    {
        LeaveCorpse();

        Assert.Contains("does not answer (fuse.hello)", await RefusalAsync(MountPoint, Options with { Name = "other" }), StringComparison.Ordinal);
        Assert.Equal(1, CountMounts());
    }

    [Fact]
    public async Task A_link_that_leads_in_a_circle_is_refused()
    {
        File.CreateSymbolicLink(Path.Join(Root, "a"), "b");
        File.CreateSymbolicLink(Path.Join(Root, "b"), "a");

        Assert.Contains("circle", await RefusalAsync(Path.Join(Root, "a")), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_corpse_of_an_earlier_mount_is_detached_first()
    {
        LeaveCorpse();
        Assert.Contains("not connected", (await Tool.RunAsync("ls", MountPoint)).Error, StringComparison.Ordinal);

        await MountAsync(new HelloFileSystem());

        Assert.Equal(1, CountMounts());
        Assert.Equal("Hello, world\n", (await Tool.RunAsync("cat", $"{MountPoint}/hello.txt")).Output);
    }

    [Fact]
    public async Task Stacked_corpses_are_all_detached()
    {
        for (int count = 0; count < 3; count++)
            LeaveCorpse();
        Assert.Equal(3, CountMounts());

        await MountAsync(new HelloFileSystem());

        Assert.Equal(1, CountMounts());
        Assert.Contains(Log.Lines, line => line.Text.Contains("held 3 dead mounts", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_daemon_that_was_killed_leaves_a_corpse_that_the_next_one_mends()
    {
        using Process daemon = Tool.Start("dotnet", typeof(HelloFileSystem).Assembly.Location, MountPoint);
        Assert.Equal("mounted", await daemon.StandardOutput.ReadLineAsync().WaitAsync(TimeSpan.FromSeconds(30)));
        daemon.Kill();
        await Tool.ExitAsync(daemon);
        Assert.Equal(1, CountMounts());

        await MountAsync(new HelloFileSystem());

        Assert.Equal(1, CountMounts());
        Assert.Equal("Hello, world\n", (await Tool.RunAsync("cat", $"{MountPoint}/hello.txt")).Output);
    }

    [Fact]
    public void Detaching_all_counts_the_stack_and_leaves_other_types_alone()
    {
        for (int count = 0; count < 3; count++)
            LeaveCorpse();

        Assert.Equal(0, MountTable.DetachAll(MountPoint, "fuse.other"));
        Assert.Equal(3, CountMounts());
        Assert.Equal(3, MountTable.DetachAll(MountPoint + "/", "fuse.hello"));
        Assert.Equal(0, CountMounts());
        Assert.Equal(0, MountTable.DetachAll(MountPoint, "fuse.hello"));
    }

    [Fact]
    public async Task A_mount_point_with_blanks_behind_a_link_is_found_again()
    {
        string real = Path.Join(Root, "real dir\twith\\all");
        Directory.CreateDirectory(real);
        string link = Path.Join(Root, "link");
        Directory.CreateSymbolicLink(link, "real dir\twith\\all");

        FuseMount mount = await MountAsync(link, new HelloFileSystem());

        Assert.Equal(real, mount.MountPoint);
        Assert.Equal("Hello, world\n", await File.ReadAllTextAsync(Path.Join(link, "hello.txt")));
        Assert.Contains("is mounted already", await RefusalAsync(link), StringComparison.Ordinal);
        await mount.DisposeAsync();
        Assert.DoesNotContain(MountTable.Read(), entry => entry.MountPoint == real);
    }

    private async Task<string> RefusalAsync(string path, FuseMountOptions? options = null) =>
        (await Assert.ThrowsAsync<FuseMountException>(() => FuseMount.MountAsync(path, new HelloFileSystem(), options ?? Options, Log).WaitAsync(TimeSpan.FromSeconds(20)))).Message;
}
