using ModelFs.Tests.Harness;

namespace ModelFs.Tests.EndToEnd;

/// <summary>A daemon that starts on a cache with complete files, and what happened to them since.</summary>
[Collection("mounts")]
public sealed class RestartTests : OriginTests
{
    private const string Weights = "MLFLOW/tiny-bert/1/weights.bin";

    [Fact]
    public async Task After_a_restart_a_complete_file_passes_through_at_once_or_once_it_was_verified_and_damage_is_never_read()
    {
        await using (var mount = await MountAsync())
        {
            await Shell.UntilAsync($"sha256sum < {mount.MountPoint}/{Weights} > {scratch["digest"]}; {Mode}", Is("passthrough"));
            Assert.Equal(0, await mount.TerminateAsync());
        }

        await using (var mount = await MountAsync())
        {
            Assert.Equal("passthrough", (await Shell.RunAsync(Mode)).Output);
            await mount.KillAsync();
        }

        // After a crash it is verified before the kernel gets it, though nobody opens it.
        await using (var mount = await MountAsync())
        {
            await VerifiedAsync(mount, damaged: 0);
            Assert.Equal("passthrough", (await Shell.RunAsync(Mode)).Output);
            await ReadsRightAsync(mount);
            await mount.KillAsync();
        }

        // After this one a byte of it has changed.
        var stored = new DirectoryInfo(scratch["cache", "objects"]).EnumerateFiles("*", SearchOption.AllDirectories).Single(file => file.Length == Origin.WeightsSize);
        ChangeByte(stored);
        await using (var mount = await MountAsync())
        {
            await VerifiedAsync(mount, damaged: 1);
            Assert.Single(mount.Log.Split('\n'), l => l.Contains(Weights, StringComparison.Ordinal) && l.Contains("1 block was damaged", StringComparison.Ordinal));
            Assert.Equal("lazy", (await Shell.RunAsync(Mode)).Output);
            await ReadsRightAsync(mount);
            await Shell.UntilAsync(Mode, Is("passthrough"));
            Assert.Equal(0, await mount.TerminateAsync());
        }

        // After a clean stop nothing is read again but what somebody touched, by who opens it.
        stored.LastWriteTimeUtc = DateTime.UnixEpoch;
        await using (var mount = await MountAsync())
        {
            Assert.Equal("sealed", (await Shell.RunAsync(Mode)).Output);
            await ReadsRightAsync(mount);
            await Shell.UntilAsync(Mode, Is("passthrough"));
            Assert.Equal(0, await mount.TerminateAsync());
        }

        ChangeByte(stored);
        await using (var mount = await MountAsync())
        {
            Assert.Equal("sealed", (await Shell.RunAsync(Mode)).Output);
            await ReadsRightAsync(mount);
        }
    }

    private string Mode => $"getfattr --only-values -n user.modelfs.mode {scratch["mnt"]}/{Weights}";

    private static Func<ShellResult, bool> Is(string mode) => result => result.Output == mode;

    private Task<ModelFsProcess> MountAsync() => ModelFsProcess.MountAsync(scratch, ["--registry", origin.Registry]);

    private static void ChangeByte(FileInfo stored)
    {
        using var file = stored.Open(FileMode.Open, FileAccess.ReadWrite);
        file.Position = Origin.WeightsSize / 2;
        var value = file.ReadByte();
        file.Position--;
        file.WriteByte((byte)~value);
    }

    /// <summary>Waits until what lies in the cache has been read in the background.</summary>
    private async Task VerifiedAsync(ModelFsProcess mount, int damaged)
    {
        await ModelFsProcess.WaitForAsync(
            () => mount.Log.Contains($"has been read again: 1 files, {damaged} of them damaged", StringComparison.Ordinal), "the file in the cache to be verified");
        var status = await ModelFsProcess.RunAsync(["status", "--json"], new Dictionary<string, string> { ["MODELFS_CACHE"] = scratch["cache"] });
        using var document = System.Text.Json.JsonDocument.Parse(status.OutputText);
        var cache = document.RootElement.GetProperty("cache");
        Assert.Equal((0, 0), (cache.GetProperty("unverifiedObjects").GetInt64(), cache.GetProperty("unverifiedBytes").GetInt64()));
    }

    private async Task ReadsRightAsync(ModelFsProcess mount)
    {
        var expected = Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(origin.Content("1", "weights.bin")));
        Assert.Equal($"{expected}  -\n", (await Shell.RunAsync($"sha256sum < {mount.MountPoint}/{Weights}")).Output);
    }
}
