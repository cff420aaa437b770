using System.Security.Cryptography;
using ModelFs.Testing;
using ModelFs.Testing.Mlflow;
using ModelFs.Tests.Harness;

namespace ModelFs.Tests.Acceptance;

/// <summary>What MLflow 3.6 answered over HTTP, replayed byte for byte on a socket.</summary>
[Collection("mounts")]
public sealed class RecordedHttpTests : IDisposable
{
    private const ulong Seed = 21;
    private const long Size = 285_216_769;
    private const string Sha256 = "9f8f366996f080988e723a62ec1cb7566443cbe26962ddd8a4b5a104c0755a0e";
    private const string Weights = "bert-tiny/champion/model/model.safetensors";

    // How the proxy is asked for it; the ranged route names it otherwise.
    private const string Download = "/artifacts/model/model/model.safetensors";

    private readonly Scratch scratch = new();

    public static TheoryData<MlflowFlavour> Flavours => [MlflowFlavour.Gunicorn, MlflowFlavour.Uvicorn];

    public void Dispose() => scratch.Dispose();

    [Theory]
    [MemberData(nameof(Flavours))]
    public async Task Three_random_reads_of_a_272_MiB_file_take_at_most_3_MiB_from_the_origin(MlflowFlavour flavour)
    {
        await using var origin = new RecordedMlflow(flavour);
        await using var node = await Node.StartAsync(scratch, origin.Uri.ToString());

        var read = await ModelFsProcess.InTimeAsync(() =>
        {
            using var file = File.OpenHandle(Path.Combine(node.Models, Weights));
            Assert.Equal(Size, RandomAccess.GetLength(file));
            return new[] { 200_000_000L, 31_337_000L, 111_111_111L }.Select(offset =>
            {
                var bytes = new byte[4096];
                Assert.Equal(4096, RandomAccess.Read(file, bytes, offset));
                return (offset, bytes);
            }).ToList();
        });

        Assert.All(read, r => Assert.Equal(FormulaContent.Bytes(r.offset, 4096, Seed), r.bytes));
        Assert.InRange(origin.BytesSent(), 3 * 4096, 3 << 20);
        Assert.Empty(origin.Unrecorded);
    }

    [Theory]
    [MemberData(nameof(Flavours))]
    public async Task The_tree_is_the_one_that_was_recorded(MlflowFlavour flavour)
    {
        await using var origin = new RecordedMlflow(flavour);
        await using var node = await Node.StartAsync(scratch, origin.Uri.ToString());

        var links = await Shell.RunAsync($"cd {node.Models}/iris && readlink champion @1 latest staging");
        Assert.Equal(["2", "2", "3", "3"], links.Lines);
        var sums = await Shell.RunAsync($"cd {node.Models}/iris/champion && stat -c %s empty.bin model.pkl && sha256sum < model.pkl && sha256sum < empty.bin");
        Assert.Equal(
            ["0", "12288", "98db989926edfe0bf03daa692e45ccea5ad86c696b02b7428ad244b9b3218051  -", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  -"],
            sums.Lines);
        var special = await Shell.RunAsync($"find '{node.Models}/space name/1' -name '*模型*' -printf %f");
        Assert.Equal("ü 模型 +&=;'~.bin", special.Output);
        Assert.Equal(origin.ModelNames.Count, (await Shell.RunAsync($"ls {node.Models}")).Lines.Count);
        Assert.Empty(origin.Unrecorded);
    }

    [Theory]
    [MemberData(nameof(Flavours))]
    public async Task Without_ranges_a_file_is_fetched_once_however_many_read_it(MlflowFlavour flavour)
    {
        await using var origin = WithoutRanges(flavour);
        await using var node = await Node.StartAsync(scratch, origin.Uri.ToString());

        var sums = await Shell.RunAsync($"for i in $(seq 8); do sha256sum < {node.Models}/{Weights} & done; wait");

        Assert.Equal(Enumerable.Repeat(Sha256 + "  -", 8), sums.Lines);
        Assert.Equal(Size, origin.BytesSent(Download));
        Assert.Empty(origin.Unrecorded);
    }

    [Theory]
    [MemberData(nameof(Flavours))]
    public async Task Without_ranges_the_first_byte_does_not_wait_for_the_last(MlflowFlavour flavour)
    {
        await using var origin = WithoutRanges(flavour);
        await using var node = await Node.StartAsync(scratch, origin.Uri.ToString());
        await Shell.RunAsync($"stat {node.Models}/{Weights}");
        origin.PauseBodiesAfter(4 << 20);

        var head = await Shell.RunAsync($"head -c 65536 {node.Models}/{Weights} | sha256sum");

        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(FormulaContent.Bytes(0, 65536, Seed))) + "  -", Assert.Single(head.Lines));
        Assert.InRange(origin.BytesSent(Download), 65536, 8 << 20);
        origin.ResumeBodies();
    }

    [Theory]
    [MemberData(nameof(Flavours))]
    public async Task A_length_that_the_registry_does_not_know_is_found_out(MlflowFlavour flavour)
    {
        // The proxy lists an empty file without a size, and only the route that is switched off could tell.
        await using var origin = WithoutRanges(flavour);
        await using var node = await Node.StartAsync(scratch, origin.Uri.ToString());

        var result = await Shell.RunAsync($"cd {node.Models}/iris/2 && stat -c %s empty.bin && ls -l empty.bin && cat empty.bin | wc -c");

        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        Assert.Equal(["0", "0"], [result.Lines[0], result.Lines[^1]]);
        Assert.Empty(origin.Unrecorded);
    }

    private static RecordedMlflow WithoutRanges(MlflowFlavour flavour)
    {
        var origin = new RecordedMlflow(flavour);
        origin.SwitchOff(MlflowRoute.GetArtifact);
        return origin;
    }
}
