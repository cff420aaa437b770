using ModelFs.Testing;
using ModelFs.Tests.Harness;

namespace ModelFs.Tests.Acceptance;

/// <summary>A directory <c>mlruns</c> as a real MLflow writes it, mounted.</summary>
[Collection("mounts")]
public sealed class FileStoreTests : IDisposable
{
    private const int Size = 3_000_017;
    private const ulong Seed = 7;

    private readonly Scratch scratch = new();
    private readonly FixtureFileStore store;

    public FileStoreTests() => store = FixtureFileStore.Create(scratch["mlruns"]);

    private string Models => scratch["mnt", "MLFLOW"];

    private string Artifacts => store["0", FixtureFileStore.Run, "artifacts"];

    public void Dispose() => scratch.Dispose();

    [Fact]
    public async Task A_file_store_in_the_working_directory_is_mounted_with_every_file_as_it_is()
    {
        store.AddFile("big", "empty.bin", 0, Seed);
        store.AddFile("big", "data/deep/ü 模型 +&=;'~#.bin", 77, Seed);
        store.AddVersion("fsmodel", 2, store.AddFile("big", "weights.bin", Size, Seed));
        store.AddVersion("fsmodel", 3, store["."], stage: "Deleted_Internal");
        store.AddModel("space name");
        store.AddVersion("space name", 1, $"runs:/{FixtureFileStore.Run}/big");
        store.SetAlias("fsmodel", "staging", "2");
        store.SetAlias("fsmodel", "gone", "3");

        await using var mount = await ModelFsProcess.MountAsync(scratch, [], workingDirectory: scratch.Path);

        Assert.Equal(["fsmodel", "space name"], (await Shell.RunAsync($"ls {Models}")).Lines);
        Assert.Equal(["1", "2", "champion", "gone", "latest", "staging"], (await Shell.RunAsync($"ls {Models}/fsmodel")).Lines);
        Assert.Equal(["1", "2", "2"], (await Shell.RunAsync($"cd {Models}/fsmodel && readlink champion latest staging")).Lines);
        Assert.Equal("No such file or directory", (await Shell.RunAsync($"cat {Models}/fsmodel/gone/x")).Error.Trim().Split(": ")[^1]);
        foreach (var (path, artifact) in new[] { ("fsmodel/champion/", "model"), ("fsmodel/latest/", "big"), ("space name/1/", "big") })
        {
            var same = await Shell.RunAsync($"diff -r '{Artifacts}/{artifact}' '{Models}/{path}'");
            Assert.Equal((0, "", ""), (same.ExitCode, same.Output, same.Error));
            const string Find = "find . -type f -printf '%P %s\\n' | LC_ALL=C sort; find . -type f | LC_ALL=C sort | tr '\\n' '\\0' | xargs -0 sha256sum";
            var there = await Shell.RunAsync($"cd '{Artifacts}/{artifact}' && {Find}");
            Assert.Equal(there.Output, (await Shell.RunAsync($"cd '{Models}/{path}' && {Find}")).Output);
            Assert.NotEmpty(there.Output);
        }

        var sums = await Shell.RunAsync($"sha256sum < {Models}/fsmodel/1/MLmodel; sha256sum < {Models}/fsmodel/staging/weights.bin");
        Assert.Equal(
            ["7f8f4a879eefb3f9fed9c6af4077c9acb0db066b2906d6570c42913478686b0f  -", FormulaContent.Sha256(Size, Seed) + "  -"], sums.Lines);
        Assert.Equal(0, await mount.TerminateAsync());
    }

    [Fact]
    public async Task A_new_version_and_an_alias_that_moved_in_a_file_store_are_seen_after_the_TTL()
    {
        await using var mount = await ModelFsProcess.MountAsync(scratch, ["--registry", $"MLFLOW=mlflow:file://{store.Root}", "--alias-ttl", "1s"]);
        Assert.Equal(["1"], (await Shell.RunAsync($"readlink {Models}/fsmodel/champion")).Lines);
        Assert.Equal(["1", "champion", "latest"], (await Shell.RunAsync($"ls {Models}/fsmodel")).Lines);

        store.AddVersion("fsmodel", 2, store.AddFile("new", "weights.bin", Size, Seed));
        store.SetAlias("fsmodel", "champion", "2");

        await Shell.UntilAsync($"readlink {Models}/fsmodel/champion", link => link.Lines is ["2"]);
        await Shell.UntilAsync($"ls {Models}/fsmodel", names => names.Lines is ["1", "2", "champion", "latest"]);
        await Shell.UntilAsync($"readlink {Models}/fsmodel/latest", link => link.Lines is ["2"]);
        var sums = await Shell.RunAsync($"sha256sum < {Models}/fsmodel/champion/weights.bin");
        Assert.Equal([FormulaContent.Sha256(Size, Seed) + "  -"], sums.Lines);
        Assert.Equal("flavors: {}", (await Shell.RunAsync($"cat {Models}/fsmodel/1/MLmodel")).Output.Trim());
        Assert.Equal(0, await mount.TerminateAsync());
    }

    [Theory]
    [InlineData(Size), InlineData(Size + 4_711), InlineData(5)]
    public async Task A_local_file_that_was_overwritten_in_place_is_the_new_one_for_who_opens_it_after_it_was_found_out(int newSize)
    {
        store.AddVersion("fsmodel", 2, store.AddFile("big", "data/deep/weights.bin", Size, Seed));
        store.AddFile("big", "other.bin", 77, Seed);
        await using var mount = await ModelFsProcess.MountAsync(scratch, ["--registry", $"MLFLOW=mlflow:file://{store.Root}"]);
        var weights = $"{Models}/fsmodel/2/data/deep/weights.bin";
        Assert.Equal([$"{Size}"], (await Shell.RunAsync($"stat -c %s {weights}")).Lines);

        store.AddFile("big", "data/deep/weights.bin", newSize, Seed + 1);

        // Whoever finds it out had it open; the next one gets what it is now, whole.
        Assert.Contains("Input/output error", (await Shell.RunAsync($"cat {weights} > /dev/null")).Error, StringComparison.Ordinal);
        Assert.Equal([FormulaContent.Sha256(newSize, Seed + 1) + "  -"], (await Shell.RunAsync($"sha256sum < {weights}")).Lines);
        Assert.Equal([$"{newSize}"], (await Shell.RunAsync($"stat -c %s {weights}")).Lines);
        Assert.Equal([FormulaContent.Sha256(77, Seed) + "  -"], (await Shell.RunAsync($"sha256sum < {Models}/fsmodel/2/other.bin")).Lines);
        Assert.Equal(0, await mount.TerminateAsync());
    }
}
