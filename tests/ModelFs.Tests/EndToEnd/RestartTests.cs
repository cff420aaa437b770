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

        // After a crash it is complete, and verified before the kernel gets it.
        await using (var mount = await MountAsync())
        {
            Assert.Equal("sealed", (await Shell.RunAsync(Mode)).Output);
            await ReadsRightAsync(mount);
            await Shell.UntilAsync(Mode, Is("passthrough"));
            Assert.Equal(0, await mount.TerminateAsync());
        }

        // Somebody touches it.
        var stored = new DirectoryInfo(scratch["cache", "objects"]).EnumerateFiles("*", SearchOption.AllDirectories).Single(file => file.Length == Origin.WeightsSize);
        stored.LastWriteTimeUtc = DateTime.UnixEpoch;
        await using (var mount = await MountAsync())
        {
            Assert.Equal("sealed", (await Shell.RunAsync(Mode)).Output);
            await ReadsRightAsync(mount);
            await Shell.UntilAsync(Mode, Is("passthrough"));
            Assert.Equal(0, await mount.TerminateAsync());
        }

        // Somebody changes a byte of it.
        using (var file = stored.Open(FileMode.Open, FileAccess.ReadWrite))
        {
            file.Position = Origin.WeightsSize / 2;
            var value = file.ReadByte();
            file.Position--;
            file.WriteByte((byte)~value);
        }

        await using (var mount = await MountAsync())
        {
            Assert.Equal("sealed", (await Shell.RunAsync(Mode)).Output);
            await ReadsRightAsync(mount);
        }
    }

    private string Mode => $"getfattr --only-values -n user.modelfs.mode {scratch["mnt"]}/{Weights}";

    private static Func<ShellResult, bool> Is(string mode) => result => result.Output == mode;

    private Task<ModelFsProcess> MountAsync() => ModelFsProcess.MountAsync(scratch, ["--registry", origin.Registry]);

    private async Task ReadsRightAsync(ModelFsProcess mount)
    {
        var expected = Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(origin.Content("1", "weights.bin")));
        Assert.Equal($"{expected}  -\n", (await Shell.RunAsync($"sha256sum < {mount.MountPoint}/{Weights}")).Output);
    }
}
