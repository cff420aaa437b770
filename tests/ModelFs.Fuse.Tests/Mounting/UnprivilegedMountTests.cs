namespace ModelFs.Fuse.Tests.Mounting;

/// <summary>A new mount namespace holds a copy of every mount, and keeps those alive that other tests unmount meanwhile.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class MountNamespaceTests
{
    public const string Name = "mount namespace";
}

/// <summary>Mounts as user 65534, in a mount namespace of its own in which /dev/fuse may be opened by everybody, as distributions have it.</summary>
[Collection(MountNamespaceTests.Name)]
public sealed class UnprivilegedMountTests : MountSandbox
{
    private const string AsNobody = "setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all";

    private static readonly Lazy<Task> Installed = new(InstallAsync);

    [Fact]
    public async Task A_user_without_root_mounts_reads_and_unmounts_through_fusermount3()
    {
        await Installed.Value;

        ToolResult result = await RunAsNobodyAsync("0666", "$DAEMON > out 2> log & daemon=$!; await mounted out; cat mnt/hello.txt; grep home/mnt /proc/self/mountinfo; for fd in /proc/$daemon/fd/*; do if [ $(readlink $fd) = /dev/fuse ]; then grep flags /proc/$daemon/fdinfo/${fd##*/}; fi; done; kill -TERM $daemon; wait $daemon; echo exit $?; grep -c home/mnt /proc/self/mountinfo; cat log >&2");

        Assert.Matches("(?s)^Hello, world\n[^\n]* ro,nosuid,nodev,noatime [^\n]*- fuse.hello hello ro,user_id=65534,group_id=65534,default_permissions[^\n]*\nflags:\\s+02[0-7]{6}\nexit 0\n0\n$", result.Output);
        Assert.Contains("only user 65534 may enter", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_unmount_by_the_user_ends_the_daemon()
    {
        await Installed.Value;

        ToolResult result = await RunAsNobodyAsync("0666", "$DAEMON > out 2> log & daemon=$!; await mounted out; fusermount3 -u mnt; wait $daemon; echo exit $?");

        Assert.Equal("exit 0\n", result.Output);
    }

    [Fact]
    public async Task A_device_that_may_not_be_opened_is_said()
    {
        ToolResult result = await RunAsNobodyAsync("0600", "$DAEMON; echo exit $?");

        Assert.Equal("exit 1\n", result.Output);
        Assert.Contains("/dev/fuse may not be opened by user 65534", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_missing_fusermount3_is_said()
    {
        ToolResult result = await RunAsNobodyAsync("0666", "dotnet=$(command -v dotnet); PATH=/nonexistent $dotnet $DLL mnt; echo exit $?");

        Assert.Equal("exit 1\n", result.Output);
        Assert.Contains("install the package fuse3", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_fusermount3_says_is_passed_on()
    {
        await Installed.Value;

        ToolResult result = await RunAsNobodyAsync("0666", "$DAEMON_ELSEWHERE; echo exit $?");

        Assert.Equal("exit 1\n", result.Output);
        Assert.Contains("fusermount3 did not mount", result.Error, StringComparison.Ordinal);
        Assert.Contains("user has no write access to mountpoint", result.Error, StringComparison.Ordinal);
    }

    private static async Task InstallAsync()
    {
        if ((await Tool.ShellAsync("command -v fusermount3")).ExitCode == 0)
            return;

        ToolResult installed = await Tool.ShellAsync("apt-get install -y fuse3 || { apt-get update && apt-get install -y fuse3; }");
        Assert.True(installed.ExitCode == 0, $"fusermount3 is missing, and apt-get could not install fuse3: {installed.Error}");
    }

    private async Task<ToolResult> RunAsNobodyAsync(string deviceMode, string script)
    {
        Directory.CreateDirectory(Path.Join(Root, "dev"));
        Directory.CreateDirectory(Path.Join(Root, "foreign"));
        string home = Directory.CreateDirectory(Path.Join(Root, "home")).FullName;
        Directory.CreateDirectory(Path.Join(home, "mnt"));
        string assembly = typeof(HelloFileSystem).Assembly.Location;
        await File.WriteAllTextAsync(Path.Join(home, "script"), $$"""
            export HOME={{home}} DLL={{assembly}} DAEMON="dotnet {{assembly}} mnt" DAEMON_ELSEWHERE="dotnet {{assembly}} {{Root}}/foreign"
            await() { for try in $(seq 200); do grep -q $1 $2 && return; sleep 0.1; done; echo "$1 did not come" >&2; exit 9; }
            cd {{home}}
            {{script}}
            """);
        return await Tool.RunAsync("unshare", "-m", "sh", "-ec", $"""
            chown -R 65534:65534 {home}
            mount -t tmpfs -o mode=755 dev {Root}/dev
            mknod {Root}/dev/fuse c 10 229
            chmod {deviceMode} {Root}/dev/fuse
            mount --bind {Root}/dev/fuse /dev/fuse
            exec {AsNobody} sh {home}/script
            """);
    }
}
