using System.Security.Cryptography;
using ModelFs.Testing;
using ModelFs.Tests.Harness;

namespace ModelFs.Tests.Acceptance;

/// <summary>What MLflow 3.6 answered over HTTP, replayed byte for byte on a socket.</summary>
public sealed class RecordedHttpTests
{
    private const long BigSize = 285_216_769;
    private const string BigSha256 = "9f8f366996f080988e723a62ec1cb7566443cbe26962ddd8a4b5a104c0755a0e";
    private const string Big = "MLFLOW/bert-tiny/champion/model/model.safetensors";

    public static TheoryData<MlflowFlavour> Flavours => [MlflowFlavour.Gunicorn, MlflowFlavour.Uvicorn];

    [Theory]
    [MemberData(nameof(Flavours))]
    public async Task Three_random_reads_of_a_272_MiB_file_take_at_most_3_MiB_from_the_origin(MlflowFlavour flavour)
    {
        await using var origin = RecordedMlflow.Start(flavour);
        await using var modelfs = await ModelFsProcess.MountAsync($"--registry=MLFLOW=mlflow:{origin.Uri}");

        using (var file = File.OpenHandle(Path.Combine(modelfs.MountPoint, Big)))
        {
            Assert.Equal(BigSize, RandomAccess.GetLength(file));
            var bytes = new byte[4096];
            foreach (var offset in new[] { 200_000_000L, 31_337_000L, 111_111_111L })
            {
                Assert.Equal(4096, RandomAccess.Read(file, bytes, offset));
                Assert.Equal(Words.At(21, offset, 4096), bytes);
            }
        }

        Assert.InRange(origin.BytesSent, 3 * 4096, 3 << 20);
        Assert.Empty(origin.Unrecorded);
    }

    [Theory]
    [MemberData(nameof(Flavours))]
    public async Task The_tree_is_the_one_that_was_recorded(MlflowFlavour flavour)
    {
        await using var origin = RecordedMlflow.Start(flavour);
        await using var modelfs = await ModelFsProcess.MountAsync($"--registry=MLFLOW=mlflow:{origin.Uri}");
        var iris = Path.Combine(modelfs.MountPoint, "MLFLOW", "iris");

        Assert.Equal("2", new FileInfo(Path.Combine(iris, "champion")).LinkTarget);
        Assert.Equal("2", new FileInfo(Path.Combine(iris, "@1")).LinkTarget);
        Assert.Equal("3", new FileInfo(Path.Combine(iris, "latest")).LinkTarget);
        Assert.Equal(0, new FileInfo(Path.Combine(iris, "2", "empty.bin")).Length);
        Assert.Empty(File.ReadAllBytes(Path.Combine(iris, "2", "empty.bin")));
        Assert.Equal(
            "98db989926edfe0bf03daa692e45ccea5ad86c696b02b7428ad244b9b3218051",
            Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(Path.Combine(iris, "champion", "model.pkl")))));
        Assert.Equal(0, (await Shell.RunAsync($"ls {modelfs.MountPoint}/MLFLOW")).ExitCode);
        Assert.True(File.Exists(Path.Combine(modelfs.MountPoint, "MLFLOW/space name/1/dir with space/ü 模型 +&=;'~.bin")));
        Assert.Empty(origin.Unrecorded);
    }

    [Theory]
    [MemberData(nameof(Flavours))]
    public async Task Without_ranges_a_file_is_fetched_once_however_many_read_it(MlflowFlavour flavour)
    {
        await using var origin = RecordedMlflow.Start(flavour, withoutRanges: true);
        await using var modelfs = await ModelFsProcess.MountAsync($"--registry=MLFLOW=mlflow:{origin.Uri}");
        var path = Path.Combine(modelfs.MountPoint, Big);

        var sums = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Shell.RunAsync($"sha256sum < {path}")));

        Assert.All(sums, sum => Assert.StartsWith(BigSha256, sum.Output));
        Assert.Equal(1, origin.Downloads("model.safetensors"));
        Assert.Empty(origin.Unrecorded);
    }

    [Theory]
    [MemberData(nameof(Flavours))]
    public async Task Without_ranges_the_first_byte_does_not_wait_for_the_last(MlflowFlavour flavour)
    {
        await using var origin = RecordedMlflow.Start(flavour, withoutRanges: true);
        using var pause = origin.PauseBodyAfter("model.safetensors", 4 << 20);
        await using var modelfs = await ModelFsProcess.MountAsync($"--registry=MLFLOW=mlflow:{origin.Uri}");

        var head = await Shell.RunAsync($"head -c 65536 {modelfs.MountPoint}/{Big} | sha256sum");

        Assert.StartsWith(Convert.ToHexStringLower(SHA256.HashData(Words.At(21, 0, 65536))), head.Output);
        Assert.True(origin.BytesSent < 8 << 20, $"{origin.BytesSent} bytes were sent before the first was read");
    }
}
