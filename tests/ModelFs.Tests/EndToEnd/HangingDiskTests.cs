using ModelFs.Testing;
using ModelFs.Tests.Harness;

namespace ModelFs.Tests.EndToEnd;

/// <summary>The cache on a filesystem that is frozen: whatever would change it waits until it is thawed, and no signal ends that.</summary>
/// <remarks>Each in a mount namespace of its own. A watchdog thaws it in any case: only so can what waits there ever end.</remarks>
[Collection("mounts")]
public sealed class HangingDiskTests : OriginTests
{
    private const string Models = "mnt/MLFLOW/tiny-bert";

    [Fact]
    public async Task A_disk_that_hangs_costs_storing_and_nobodys_names_or_reads_and_is_used_again_when_it_answers()
    {
        var run = await RunAsync($$"""
            sha256sum < {{Models}}/1/weights.bin
            freeze
            # What was never touched before, known to nobody but the registry.
            ls {{Models}}
            readlink {{Models}}/champion
            sha256sum < {{Models}}/2/weights.bin
            sha256sum < {{Models}}/1/weights.bin
            until modelfs status | grep '^fault'; do sleep 0.1; done
            modelfs stat MLFLOW/tiny-bert/2 | grep '^version'
            ! modelfs prefetch MLFLOW/tiny-bert/2/MLmodel > refused 2>&1
            grep -o 'could not be stored: .*' refused
            kill -0 $watchdog
            thaw
            while modelfs status | grep -q '^fault'; do sleep 0.1; done
            # Storing goes on by itself.
            modelfs prefetch MLFLOW/tiny-bert/2/config.json > prefetched 2>&1
            getfattr --only-values -n user.modelfs.mode {{Models}}/2/config.json
            echo
            sha256sum < {{Models}}/2/weights.bin
            kill -TERM $daemon
            wait $daemon
            """);
        Assert.True(run.ExitCode == 0, run.Output + run.Error + Log);
        var (first, second) = (Digest("1"), Digest("2"));
        Assert.Equal(
            [first, "1", "2", "champion", "latest", "1", second, first, "fault       the disk has not answered for seconds", "version     2", "could not be stored: the disk has not answered for seconds", "passthrough", second],
            run.Lines.Select(line => line.StartsWith("version", StringComparison.Ordinal) ? line.Split(',')[0] : line));
    }

    [Fact]
    public async Task A_stop_while_the_disk_hangs_takes_the_mount_away_at_once_and_ends_when_it_answers()
    {
        var run = await RunAsync($$"""
            freeze
            sha256sum < {{Models}}/2/weights.bin
            kill -TERM $daemon
            while mountpoint -q mnt; do sleep 0.1; done
            kill -0 $watchdog
            echo gone
            thaw
            wait $daemon
            """);
        Assert.True(run.ExitCode == 0, run.Output + run.Error + Log);
        Assert.Equal([Digest("2"), "gone"], run.Lines);
    }

    private string Log => File.ReadAllText(scratch["log"]);

    private Task<ShellResult> RunAsync(string commands)
    {
        DebianPackages.Require("attr", "e2fsprogs", "mount", "util-linux");
        scratch.Write("run.sh", $$"""
            set -e
            cd {{scratch.Path}}
            mkdir disk mnt
            truncate -s 256M image
            mkfs.ext4 -q -F image
            mount -o loop image disk
            export MODELFS_CACHE=$PWD/disk/cache PATH={{AppContext.BaseDirectory}}:$PATH:/usr/sbin
            freeze() {
                ( sleep 100; fsfreeze -u disk ) > /dev/null 2>&1 & watchdog=$!
                fsfreeze -f disk
            }
            thaw() { fsfreeze -u disk; kill $watchdog; }
            trap 'fsfreeze -u disk 2> /dev/null || true; kill -KILL $daemon 2> /dev/null || true' EXIT
            modelfs mount mnt --registry {{origin.Registry}} --min-free 16MiB > log 2>&1 & daemon=$!
            until mountpoint -q mnt && modelfs status 2> /dev/null | grep -q '^daemon  *process'; do
                kill -0 $daemon || exec cat log
                sleep 0.05
            done
            {{commands}}
            """);
        return Shell.RunAsync($"unshare -m bash {scratch["run.sh"]}");
    }

    private string Digest(string version) =>
        Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(origin.Content(version, "weights.bin"))) + "  -";
}
