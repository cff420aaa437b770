using ModelFs.Tests.Harness;

namespace ModelFs.Tests.EndToEnd;

/// <summary>Where the kernel reads complete files itself and where it cannot: each in a mount namespace of its own, with the cache on a filesystem made for it.</summary>
[Collection("mounts")]
public sealed class ObstacleTests : OriginTests
{
    private const string Weights = "MLFLOW/tiny-bert/1/weights.bin";
    private const string Memory = "mkdir disk; mount -t tmpfs tmpfs disk";
    private const string Overlay =
        "mkdir below disk; mount -t tmpfs tmpfs below; mkdir below/lower below/upper below/work; "
        + "mount -t overlay -o lowerdir=below/lower,upperdir=below/upper,workdir=below/work overlay disk";

    /// <param name="namespaces">In a user namespace, as in a rootless container, root may mount and has CAP_SYS_ADMIN over nothing else.</param>
    [Theory]
    [InlineData("-m", Memory, "passthrough", "the kernel reads complete files itself")]
    [InlineData("-m", Overlay, "sealed", "complete files are served by the daemon: the cache lies on overlay, not on ext4, xfs, btrfs or tmpfs")]
    [InlineData("-Urm", Memory, "sealed", "complete files are served by the daemon: the daemon lacks CAP_SYS_ADMIN")]
    public async Task Status_stat_and_the_mode_say_who_reads_a_complete_file_and_why(string namespaces, string prepare, string mode, string how)
    {
        scratch.Write("run.sh", $"""
            set -e
            cd {scratch.Path}
            {prepare}
            export MODELFS_CACHE={scratch["disk", "cache"]} PATH={AppContext.BaseDirectory}:$PATH
            mkdir mnt
            modelfs mount mnt --registry {origin.Registry} > log 2>&1 & daemon=$!
            # The mount answers first, the daemon a moment later. Before the mount the cache is not its own yet.
            until mountpoint -q mnt && modelfs status 2> /dev/null | grep -q '^daemon  *process'; do
                kill -0 $daemon || exec cat log
                sleep 0.05
            done
            modelfs status | grep "^mount .*$PWD/mnt"
            modelfs prefetch {Weights} > prefetched 2>&1 || cat prefetched
            getfattr --only-values -n user.modelfs.mode mnt/{Weights}
            echo
            sha256sum < mnt/{Weights}
            modelfs stat {Weights} | grep '^mode '
            modelfs status | grep "^mount .*$PWD/mnt"
            kill -TERM $daemon
            wait $daemon
            """);
        var run = await Shell.RunAsync($"unshare {namespaces} sh {scratch["run.sh"]}");
        Assert.True(run.ExitCode == 0, run.Output + run.Error);
        var mount = $"mount       {scratch["mnt"]}: {how}";
        var digest = Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(origin.Content("1", "weights.bin")));
        Assert.Equal([mount, mode, $"{digest}  -", $"mode        {mode}", mount], run.Lines);
    }
}
