using System.Diagnostics;
using System.Security.Cryptography;
using ModelFs.Testing;
using ModelFs.Tests.Harness;

namespace ModelFs.Tests.EndToEnd;

/// <summary>A mapping outlives the daemon that gave it: the kernel reads the cache's file for it.</summary>
[Collection("mounts")]
public sealed class MappedFileTests : OriginTests
{
    private const string Weights = "MLFLOW/tiny-bert/1/weights.bin";

    private const string Reader = """
        import hashlib, mmap, sys
        with open(sys.argv[1], 'rb') as f:
            mapped = mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ)
        print(len(mapped), flush=True)
        sys.stdin.readline()
        print(hashlib.sha256(mapped).hexdigest(), flush=True)
        """;

    [Fact]
    public async Task Who_maps_a_complete_file_reads_on_after_the_daemon_was_killed_and_the_next_one_has_evicted_it()
    {
        DebianPackages.Require("python3");
        DebianPackages.Require("attr");
        await using var first = await MountAsync();
        await RunAsync("prefetch", Weights);
        await Shell.UntilAsync(
            $"getfattr -n user.modelfs.mode --absolute-names {scratch["mnt"]}/{Weights}", r => r.Output.Contains("passthrough", StringComparison.Ordinal));
        using var reader = Process.Start(
            new ProcessStartInfo("/usr/bin/python3", ["-c", Reader, scratch["mnt", Weights]]) { RedirectStandardInput = true, RedirectStandardOutput = true })!;
        try
        {
            Assert.Equal($"{Origin.WeightsSize}", await LineAsync());
            await first.KillAsync();
            await using var second = await MountAsync();
            await RunAsync("cache", "clear", "--yes");
            Assert.Empty(Directory.EnumerateFiles(scratch["cache", "objects"], "*", SearchOption.AllDirectories));
            await reader.StandardInput.WriteLineAsync();
            await reader.StandardInput.FlushAsync();
            Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(origin.Content("1", "weights.bin"))), await LineAsync());
        }
        finally
        {
            reader.Kill();
        }

        async Task<string?> LineAsync() => await reader.StandardOutput.ReadLineAsync().WaitAsync(TimeSpan.FromMinutes(1));
    }

    private Task<ModelFsProcess> MountAsync() => ModelFsProcess.MountAsync(scratch, ["--registry", origin.Registry]);

    private async Task RunAsync(params string[] arguments)
    {
        var result = await ModelFsProcess.RunAsync(arguments, new Dictionary<string, string>
        {
            ["MODELFS_CACHE"] = scratch["cache"],
            ["MODELFS_REGISTRY_MLFLOW"] = origin.Registry["MLFLOW=".Length..],
        });
        Assert.True(result.ExitCode == 0, result.Errors);
    }
}
