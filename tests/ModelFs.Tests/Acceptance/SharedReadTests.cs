using ModelFs.Testing;
using ModelFs.Tests.Harness;

namespace ModelFs.Tests.Acceptance;

/// <summary>One node's cache: many readers, restarts, and damage.</summary>
public sealed class SharedReadTests : IAsyncLifetime
{
    // bert-tiny's weights of the fixture store: 24 blocks and a byte.
    private const string Weights = "MLFLOW/bert-tiny/1/model/model.safetensors";
    private const string Sha256 = "6d20482aebe00146dc4f4e354acf2de43d7bff193562dd86a45e24fc15e21895";
    private const long Size = 6_295_553;

    private readonly string directory = Directory.CreateTempSubdirectory("modelfs-shared-").FullName;
    private FixtureStore store = null!;

    public async Task InitializeAsync() => store = await FixtureStore.CreateAsync(directory);

    public Task DisposeAsync()
    {
        Directory.Delete(directory, recursive: true);
        return Task.CompletedTask;
    }

    [Fact]
    public async Task Sixty_four_processes_read_a_cold_file_and_a_restart_costs_nothing()
    {
        await using var modelfs = await MountAsync();
        var sums = await Shell.RunAsync($"for i in $(seq 64); do sha256sum < {modelfs.MountPoint}/{Weights} & done; wait");
        Assert.Equal(Enumerable.Repeat(Sha256, 64), sums.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => l.Split(' ')[0]));
        Assert.InRange(await modelfs.OriginBytesAsync(), Size, (long)(Size * 1.05));

        await modelfs.RestartAsync();
        await ReadsRightAsync(modelfs);
        Assert.Equal(0, await modelfs.OriginBytesAsync());
    }

    [Fact]
    public async Task A_file_that_was_read_whole_survives_kill_9()
    {
        await using var modelfs = await MountAsync();
        await ReadsRightAsync(modelfs);

        await modelfs.KillAsync();
        await modelfs.RestartAsync();

        await ReadsRightAsync(modelfs);
        Assert.Equal(0, await modelfs.OriginBytesAsync());
    }

    [Fact]
    public async Task Without_its_index_the_cache_still_serves_what_was_complete()
    {
        await using var modelfs = await MountAsync();
        await ReadsRightAsync(modelfs);
        await modelfs.StopAsync();

        foreach (var entry in Directory.GetDirectories(modelfs.IndexDirectory).Where(d => !d.EndsWith("meta", StringComparison.Ordinal)))
            Directory.Delete(entry, recursive: true);

        await modelfs.RestartAsync();
        await ReadsRightAsync(modelfs);
        Assert.Equal(0, await modelfs.OriginBytesAsync());
    }

    [Fact]
    public async Task A_flipped_bit_in_any_file_of_the_cache_costs_at_most_a_fetch()
    {
        await using var modelfs = await MountAsync();
        await ReadsRightAsync(modelfs);
        await modelfs.StopAsync();

        var random = new Random(20260101);
        var files = Directory.GetFiles(modelfs.CacheDirectory, "*", SearchOption.AllDirectories).Where(f => new FileInfo(f).Length > 0).ToList();
        Assert.Contains(files, f => f.EndsWith(".seal", StringComparison.Ordinal));
        foreach (var file in files)
            FlipBit(file, random);

        await modelfs.RestartAsync();
        await ReadsRightAsync(modelfs);
    }

    private Task<ModelFsProcess> MountAsync() => ModelFsProcess.MountAsync($"--registry=MLFLOW=mlflow:{store.Uri}");

    private static async Task ReadsRightAsync(ModelFsProcess modelfs)
    {
        var sum = await Shell.RunAsync($"sha256sum < {modelfs.MountPoint}/{Weights}");
        Assert.StartsWith(Sha256, sum.Output);
    }

    private static void FlipBit(string path, Random random)
    {
        using var file = File.Open(path, FileMode.Open, FileAccess.ReadWrite);
        file.Position = random.NextInt64(file.Length);
        var value = (byte)file.ReadByte();
        file.Position--;
        file.WriteByte((byte)(value ^ (1 << random.Next(8))));
    }
}
