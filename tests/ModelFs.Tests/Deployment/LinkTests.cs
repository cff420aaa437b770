using ModelFs.Tests.Harness;

namespace ModelFs.Tests.Deployment;

/// <summary>Links beside the mount point, and a pod that binds their directory.</summary>
[Collection("mounts")]
public sealed class LinkTests : OriginTests
{
    public LinkTests() => Directory.CreateDirectory(Parent);

    private string Parent => scratch["published"];

    [Fact]
    public async Task A_pod_that_binds_the_parent_reads_below_it_again_after_the_daemon_was_killed()
    {
        const string File = "MLFLOW/tiny-bert/champion/config.json";
        var expected = Convert.ToBase64String(origin.Content("1", "config.json"));
        var pod = scratch["pod"];
        Directory.CreateDirectory(pod);
        // As a kubelet does it: the published directory is shared on the node, and the pod has a slave of it, read-only.
        var prepared = await Shell.RunAsync($"mount --bind {Parent} {Parent} && mount --make-rshared {Parent}");
        Assert.Equal((0, ""), (prepared.ExitCode, prepared.Error));
        try
        {
            await using var first = await MountAsync();
            // The pod waits for lines, and reads the file once for each. Its namespace begins with a copy of every mount, which would keep
            // those of other tests alive.
            var script = $$"""
                mount --make-rslave /
                awk '/ - fuse[.]/ { print $5 }' /proc/self/mountinfo | while read other; do case $other in {{Parent}}/*) ;; *) umount -l $other ;; esac; done
                mount --rbind {{Parent}} {{pod}} && mount --make-rslave {{pod}} && mount -o remount,bind,ro {{pod}} && echo bound
                while read line; do base64 -w0 {{pod}}/{{File}} 2> /dev/null; echo; done
                """;
            using var consumer = System.Diagnostics.Process.Start(new System.Diagnostics.ProcessStartInfo("unshare", ["--mount", "--propagation", "unchanged", "sh", "-c", script])
            {
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
            })!;
            try
            {
                Assert.Equal("bound", await LineAsync(consumer));
                Assert.Equal(expected, await AskAsync(consumer));

                await first.KillAsync();
                Assert.Equal("", await AskAsync(consumer));
                await using var second = await MountAsync();
                Assert.Equal(expected, await AskAsync(consumer));
                Assert.Equal(0, await second.TerminateAsync());
            }
            finally
            {
                consumer.Kill(entireProcessTree: true);
                await consumer.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(60));
            }
        }
        finally
        {
            await Shell.RunAsync($"umount -l -R {Parent}");
        }

        Assert.False(System.IO.File.Exists(Path.Combine(Parent, "MLFLOW")));
    }

    [Fact]
    public async Task Links_are_made_beside_the_mount_kept_by_a_kill_and_removed_by_an_end()
    {
        await using (var first = await MountAsync("--registry", "OLD=mlflow:http://127.0.0.1:9"))
        {
            Assert.Equal("mnt/MLFLOW", new FileInfo(Path.Combine(Parent, "MLFLOW")).LinkTarget);
            Assert.Equal("mnt/OLD", new FileInfo(Path.Combine(Parent, "OLD")).LinkTarget);
            await first.KillAsync();
        }

        Assert.Equal(["MLFLOW", "OLD", "mnt"], Names());
        await using var second = await MountAsync();
        Assert.Equal(["MLFLOW", "mnt"], Names());
        Assert.Equal(0, await second.TerminateAsync());
        Assert.Equal(["mnt"], Names());
    }

    [Fact]
    public async Task What_is_not_ours_beside_the_mount_is_left_alone()
    {
        File.WriteAllText(Path.Combine(Parent, "MLFLOW"), "a file");
        File.CreateSymbolicLink(Path.Combine(Parent, "B"), "elsewhere/B");
        File.CreateSymbolicLink(Path.Combine(Parent, "C"), "mnt/D");
        await using (var mount = await MountAsync("--registry", "B=mlflow:http://127.0.0.1:9"))
        {
            await ModelFsProcess.WaitForAsync(() => mount.Log.Contains("no link can be made", StringComparison.Ordinal), "the warning");
            Assert.Equal(origin.Content("1", "config.json"), await ModelFsProcess.InTimeAsync(() => File.ReadAllBytes(Path.Combine(Parent, "mnt/MLFLOW/tiny-bert/1/config.json"))));
            Assert.Equal(0, await mount.TerminateAsync());
        }

        Assert.Equal(["B", "C", "MLFLOW", "mnt"], Names());
        Assert.Equal("a file", File.ReadAllText(Path.Combine(Parent, "MLFLOW")));
        Assert.Equal("elsewhere/B", new FileInfo(Path.Combine(Parent, "B")).LinkTarget);
    }

    private Task<ModelFsProcess> MountAsync(params string[] arguments) =>
        ModelFsProcess.MountAsync(scratch, ["--registry", origin.Registry, "--links", "true", .. arguments], mountName: "published/mnt");

    private IEnumerable<string> Names() => ModelFs.Fuse.DirectoryNames.Read(Parent).Order(StringComparer.Ordinal);

    private static async Task<string?> AskAsync(System.Diagnostics.Process consumer)
    {
        await consumer.StandardInput.WriteLineAsync("read");
        await consumer.StandardInput.FlushAsync();
        return await LineAsync(consumer);
    }

    private static Task<string?> LineAsync(System.Diagnostics.Process consumer) => consumer.StandardOutput.ReadLineAsync().WaitAsync(TimeSpan.FromSeconds(60));
}
