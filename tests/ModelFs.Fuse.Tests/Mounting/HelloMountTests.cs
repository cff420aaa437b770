using System.Security.Cryptography;
using ModelFs.Fuse.Device;

namespace ModelFs.Fuse.Tests.Mounting;

public sealed class HelloMountTests : MountSandbox
{
    /// <summary>O_CLOEXEC is 02000000.</summary>
    private const string CloseOnExec = @"flags:\s+02[0-7]{6}\b";

    [Fact]
    public async Task The_sample_is_listed_and_read_by_real_programs()
    {
        await MountAsync(new HelloFileSystem());

        ToolResult list = await Tool.ShellAsync($"cd {MountPoint} && ls -a && cat hello.txt link && readlink link && stat -c '%F %a %s %b %Y' hello.txt && test ! -e missing");

        Assert.Equal("", list.Error);
        Assert.Equal(".\n..\nhello.txt\nlink\nHello, world\nHello, world\nhello.txt\nregular file 444 13 1 1700000000\n", list.Output);
        Assert.Equal("Hello, world\n", await File.ReadAllTextAsync(Path.Join(MountPoint, "hello.txt")));
    }

    [Fact]
    public async Task The_mount_is_read_only_without_devices_or_set_user_ids_under_its_own_type()
    {
        await MountAsync(new HelloFileSystem());

        string line = Assert.Single(await File.ReadAllLinesAsync("/proc/self/mountinfo"), line => line.Contains($" {MountPoint} ", StringComparison.Ordinal));

        Assert.Matches(@" ro,nosuid,nodev,noatime .*- fuse\.hello hello ro,user_id=0,group_id=0,default_permissions,allow_other", line);
    }

    [Fact]
    public async Task Whatever_writes_fails_with_erofs()
    {
        await MountAsync(new HelloFileSystem());

        foreach (string command in new[] { "touch new", "mkdir new", "rm -f hello.txt", "mv hello.txt new", "ln -s a new", "ln hello.txt new", "chmod 600 hello.txt", ": > hello.txt", ": >> hello.txt", "truncate -s 0 hello.txt" })
        {
            ToolResult result = await Tool.ShellAsync($"cd {MountPoint} && {command}");
            Assert.NotEqual(0, result.ExitCode);
            Assert.Contains("Read-only file system", result.Error, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task The_mount_reads_ahead_what_the_options_say()
    {
        FuseMount mount = await MountAsync(new HelloFileSystem(), Options with { ReadAheadKiB = 512 });
        MountEntry entry = Assert.Single(MountTable.Read(), entry => entry.MountPoint == mount.MountPoint);

        Assert.Equal("512", (await File.ReadAllTextAsync($"/sys/class/bdi/{entry.Device}/read_ahead_kb")).Trim());
    }

    [Fact]
    public async Task A_file_is_read_whole_through_mmap_and_in_megabytes()
    {
        const int size = 10_000_000;
        int largest = 0;
        var fileSystem = new ScriptedFileSystem();
        fileSystem.OnLookup = (_, _, _) => new(new FuseEntry(2, ScriptedFileSystem.File with { Size = size }, TimeSpan.FromHours(1), TimeSpan.FromHours(1)));
        fileSystem.OnGetAttributes = (_, node) => new(new FuseAttributesReply(
            node == 1 ? new FuseAttributes(1, FuseFileType.Directory, 0b101_101_101, 0, 0) : ScriptedFileSystem.File with { Size = size }, TimeSpan.FromHours(1)));
        fileSystem.OnRead = (_, offset, destination) =>
        {
            int count = (int)Math.Min(destination.Length, size - offset);
            InterlockedMax(ref largest, count);
            Span<byte> span = destination.Span;
            for (int at = 0; at < count; at++)
                span[at] = (byte)((offset + at) % 251);
            return new(count);
        };
        await MountAsync(fileSystem);
        byte[] expected = [.. Enumerable.Range(0, size).Select(at => (byte)(at % 251))];

        Assert.Equal(expected, await File.ReadAllBytesAsync(Path.Join(MountPoint, "file")));
        ToolResult mapped = await Tool.RunAsync("python3", "-c",
            $"import mmap,sys,hashlib; f=open('{MountPoint}/file','rb'); print(hashlib.sha256(mmap.mmap(f.fileno(),0,prot=mmap.PROT_READ)).hexdigest())");
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(expected)), mapped.Output.Trim());
        Assert.Equal(1 << 20, largest);
    }

    [Fact]
    public async Task An_invalidated_name_is_looked_up_again_and_an_invalidated_inode_read_again()
    {
        int lookups = 0;
        byte content = (byte)'a';
        var fileSystem = new ScriptedFileSystem();
        fileSystem.OnLookup = (_, _, _) =>
        {
            Interlocked.Increment(ref lookups);
            return new(new FuseEntry(2, ScriptedFileSystem.File with { Size = 1 }, TimeSpan.FromHours(1), TimeSpan.FromHours(1)));
        };
        fileSystem.OnGetAttributes = (_, node) => new(new FuseAttributesReply(
            node == 1 ? new FuseAttributes(1, FuseFileType.Directory, 0b101_101_101, 0, 0) : ScriptedFileSystem.File with { Size = 1 }, TimeSpan.FromHours(1)));
        fileSystem.OnRead = (_, offset, destination) =>
        {
            if (offset > 0)
                return new(0);
            destination.Span[0] = Volatile.Read(ref content);
            return new(1);
        };
        FuseMount mount = await MountAsync(fileSystem);
        string path = Path.Join(MountPoint, "file");
        Assert.Equal("a", (await Tool.RunAsync("cat", path)).Output);
        Volatile.Write(ref content, (byte)'b');
        Assert.Equal("a", (await Tool.RunAsync("cat", path)).Output);
        Assert.Equal(1, lookups);

        mount.Session.InvalidateInode(2, 0, 0);
        mount.Session.InvalidateEntry(1, "file"u8.ToArray());

        await TestWait.UntilAsync(async () => (await Tool.RunAsync("cat", path)).Output == "b" && Volatile.Read(ref lookups) == 2);
    }

    [Fact]
    public async Task The_device_is_closed_on_exec_and_knows_when_its_connection_ends()
    {
        using KernelDevice device = MountWithoutSession();
        Assert.Matches(CloseOnExec, await File.ReadAllTextAsync($"/proc/self/fdinfo/{device.Handle.DangerousGetHandle()}"));
        Assert.True(device.IsConnected);

        await Tool.RunAsync("umount", "-l", MountPoint);

        await TestWait.UntilAsync(() => !device.IsConnected);
        Assert.Equal(0, device.Read(new byte[16384]));
        Assert.Equal(Errno.ENOENT, device.Write([16, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0], default));
    }

    [Fact]
    public async Task Many_readers_of_a_handler_that_waits_each_get_their_own_bytes()
    {
        const int size = 2_000_000;
        var fileSystem = new ScriptedFileSystem();
        fileSystem.OnLookup = (_, _, name) => new(new FuseEntry((ulong)name[0], ScriptedFileSystem.File with { Inode = name[0], Size = size }, TimeSpan.FromHours(1), TimeSpan.FromHours(1)));
        fileSystem.OnGetAttributes = (_, node) => new(new FuseAttributesReply(
            node == 1 ? new FuseAttributes(1, FuseFileType.Directory, 0b101_101_101, 0, 0) : ScriptedFileSystem.File with { Inode = node, Size = size }, TimeSpan.FromHours(1)));
        fileSystem.OnRead = async (request, offset, destination) =>
        {
            await Task.Delay(1);
            int count = (int)Math.Min(destination.Length, size - offset);
            for (int at = 0; at < count; at++)
                destination.Span[at] = Content(request.Node, offset + at);
            return count;
        };
        await MountAsync(fileSystem);

        ToolResult[] sums = await Task.WhenAll("abcdefgh".Select(name => Tool.RunAsync("sha256sum", $"{MountPoint}/{name}")));

        Assert.Equal(
            "abcdefgh".Select(name => Convert.ToHexStringLower(SHA256.HashData([.. Enumerable.Range(0, size).Select(at => Content(name, at))]))),
            sums.Select(sum => sum.Output.Split(' ')[0]));

        static byte Content(ulong node, long at) => (byte)((at * 31 / 7) + (long)node);
    }

    [Fact]
    public async Task Options_that_are_out_of_range_are_named()
    {
        async Task<string?> ParameterAsync(FuseMountOptions options) =>
            (await Assert.ThrowsAnyAsync<ArgumentException>(() => FuseMount.MountAsync(MountPoint, new HelloFileSystem(), options, Log))).ParamName;

        Assert.Equal("ReaderThreads", await ParameterAsync(new FuseMountOptions { ReaderThreads = 0 }));
        Assert.Equal("RequestDeadline", await ParameterAsync(new FuseMountOptions { RequestDeadline = TimeSpan.Zero }));
        Assert.Equal("ReadAheadKiB", await ParameterAsync(new FuseMountOptions { ReadAheadKiB = 1 << 20 }));
        Assert.Equal("Name", await ParameterAsync(new FuseMountOptions { Name = "a,suid" }));
        Assert.False(Directory.Exists(MountPoint));
    }

    private static void InterlockedMax(ref int target, int value)
    {
        for (int seen = Volatile.Read(ref target); value > seen; seen = Volatile.Read(ref target))
            Interlocked.CompareExchange(ref target, value, seen);
    }
}
