namespace ModelFs.Fuse.Tests.Mounting;

public sealed class HelloMountTests : MountSandbox
{
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
        Assert.Equal(Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(expected)), mapped.Output.Trim());
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

        await TestWait.UntilAsync(() => Tool.RunAsync("cat", path).GetAwaiter().GetResult().Output == "b" && Volatile.Read(ref lookups) == 2);
    }

    [Fact]
    public async Task The_device_is_closed_on_exec()
    {
        await MountAsync(new HelloFileSystem());

        IEnumerable<string> devices = Directory.GetFiles("/proc/self/fd").Where(fd => File.ResolveLinkTarget(fd, false)?.FullName == "/dev/fuse");

        Assert.NotEmpty(devices);
        Assert.All(devices, fd => Assert.Matches(@"flags:\s+0?2[0-7]{6}\b", File.ReadAllText($"/proc/self/fdinfo/{Path.GetFileName(fd)}")));
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
