using ModelFs.Testing;
using ModelFs.Tests.Harness;

namespace ModelFs.Tests.Acceptance;

/// <summary>One node's cache: many readers, restarts, and damage.</summary>
[Collection("mounts")]
public sealed class SharedReadTests : IAsyncLifetime
{
    // bert-tiny's weights of the fixture store: 24 blocks and a byte.
    private const string Weights = "bert-tiny/1/model/model.safetensors";
    private const string Sha256 = "6d20482aebe00146dc4f4e354acf2de43d7bff193562dd86a45e24fc15e21895";
    private const long Size = 6_295_553;

    private readonly Scratch scratch = new();
    private Node node = null!;

    public async Task InitializeAsync()
    {
        DebianPackages.Require("attr");
        (node, _) = await Node.StartOnStoreAsync(scratch);
    }

    public async Task DisposeAsync()
    {
        await node.DisposeAsync();
        scratch.Dispose();
    }

    [Fact]
    public async Task Sixty_four_processes_read_a_cold_file_and_a_restart_costs_nothing()
    {
        var sums = await Shell.RunAsync($"for i in $(seq 64); do sha256sum < {node.Models}/{Weights} & done; wait");
        Assert.Equal(Enumerable.Repeat(Sha256, 64), sums.Lines.Select(l => l.Split(' ')[0]));
        Assert.InRange(await node.OriginBytesAsync(), Size, (long)(Size * 1.05));

        await node.StopAsync();
        await node.StartAsync();
        await ReadsRightAsync();
        Assert.Equal(0, await node.OriginBytesAsync());
    }

    [Fact]
    public async Task A_file_that_says_it_is_sealed_survives_kill_9()
    {
        await ReadsRightAsync();
        await Shell.UntilAsync($"getfattr -n user.modelfs.mode --absolute-names {node.Models}/{Weights}", r => r.Output.Contains("passthrough", StringComparison.Ordinal));

        await node.KillAsync();
        await node.StartAsync();

        await ReadsRightAsync();
        Assert.Equal(0, await node.OriginBytesAsync());
    }

    [Fact]
    public async Task Without_its_index_the_cache_still_serves_what_was_complete()
    {
        await ReadsRightAsync();
        await node.StopAsync();

        Directory.Delete(node.Index, recursive: true);

        await node.StartAsync();
        await ReadsRightAsync();
        Assert.Equal(0, await node.OriginBytesAsync());
    }

    [Fact]
    public async Task A_flipped_bit_in_any_file_of_the_cache_costs_at_most_a_fetch()
    {
        await ReadsRightAsync();
        await node.StopAsync();

        var random = new Random(20260101);
        var files = Directory.GetFiles(node.Cache, "*", SearchOption.AllDirectories).Where(f => new FileInfo(f).Length > 0).ToList();
        Assert.Contains(files, f => f.EndsWith(".seal", StringComparison.Ordinal));
        foreach (var file in files)
            FlipBit(file, random);

        await node.StartAsync();
        await ReadsRightAsync();
    }

    private async Task ReadsRightAsync()
    {
        var sum = await Shell.RunAsync($"sha256sum < {node.Models}/{Weights}");
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
