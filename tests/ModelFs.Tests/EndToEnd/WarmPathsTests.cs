using System.Text.Json;
using ModelFs.Tests.Harness;

namespace ModelFs.Tests.EndToEnd;

/// <summary>The paths below <c>prefetch:</c>, kept complete by a mount.</summary>
[Collection("mounts")]
public sealed class WarmPathsTests : OriginTests
{
    [Fact]
    public async Task A_configured_path_is_fetched_at_the_start_and_again_when_its_alias_moves()
    {
        await using var mount = await MountAsync("models:/tiny-bert@champion");
        await UntilAsync("MLFLOW/tiny-bert/1", "Complete");
        origin.Store.Move("champion", "2");
        await UntilAsync("MLFLOW/tiny-bert/2", "Complete");
        await origin.Server.DisposeAsync();
        foreach (var version in new[] { "1", "2" })
        {
            var path = scratch["mnt", "MLFLOW", "tiny-bert", version, "weights.bin"];
            Assert.Equal(origin.Content(version, "weights.bin"), await ModelFsProcess.InTimeAsync(() => File.ReadAllBytes(path)));
        }
    }

    [Fact]
    public async Task A_configured_path_that_fails_is_shown_with_the_reason_and_tried_again()
    {
        origin.Store.Move("champion", "7");
        await using var mount = await MountAsync("models:/tiny-bert@champion");
        await UntilAsync(null, "Failed");
        var status = (await StatusAsync()).OutputText;
        Assert.Contains("prefetch    models:/tiny-bert@champion: failed, is tried again: ", status, StringComparison.Ordinal);
        origin.Store.Move("champion", "1");
        await UntilAsync("MLFLOW/tiny-bert/1", "Complete");
    }

    private Task<ModelFsProcess> MountAsync(string path)
    {
        var config = scratch.Write("modelfs.yaml", $"prefetch:\n  - {path}\naliasTtl: 1s\n");
        return ModelFsProcess.MountAsync(scratch, ["--registry", origin.Registry, "--config", config]);
    }

    private async Task UntilAsync(string? target, string state)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        while (true)
        {
            using var json = JsonDocument.Parse((await StatusAsync("--json")).OutputText);
            var report = json.RootElement.GetProperty("prefetch").EnumerateArray().SingleOrDefault();
            if (report.ValueKind == JsonValueKind.Object && report.GetProperty("state").GetString() == state
                && (target is null || report.GetProperty("target").GetString() == target))
                return;
            await Task.Delay(100, limit.Token);
        }
    }

    private Task<RunResult> StatusAsync(params string[] arguments) => ModelFsProcess.RunAsync(["status", "--cache", scratch["cache"], .. arguments]);
}
