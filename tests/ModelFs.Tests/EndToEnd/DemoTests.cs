using ModelFs.Commands;
using ModelFs.Demo;
using ModelFs.Hosting;
using ModelFs.Tests.Harness;

namespace ModelFs.Tests.EndToEnd;

[Collection("mounts")]
public sealed class DemoTests : IDisposable
{
    private readonly Scratch scratch = new();

    public void Dispose() => scratch.Dispose();

    [Fact]
    public async Task The_demonstration_holds_and_leaves_nothing_behind()
    {
        var result = await ModelFsProcess.RunAsync(["demo"], Environment(), limit: TimeSpan.FromMinutes(3));
        Assert.True(result.ExitCode == 0, result.OutputText + result.Errors);
        Assert.Equal("", result.Errors);
        foreach (var step in new[] { "\n1. ", "\n2. ", "\n3. ", "\n4. ", "\n5. ", "\n6. ", "champion -> 1\n", "the server sent " })
            Assert.Contains(step, result.OutputText, StringComparison.Ordinal);
        Assert.True(result.OutputText.Count(c => c == '\n') <= 50, "it fits on a screen");
        AssertNothingIsLeft();
    }

    [Fact]
    public async Task A_demonstration_that_is_kept_can_be_looked_at_until_Ctrl_C()
    {
        await using var demo = ModelFsProcess.Start(["demo", "--keep"], Environment());
        await ModelFsProcess.WaitForAsync(() => demo.HasExited || demo.Output.Contains("It stays mounted", StringComparison.Ordinal), "the demonstration", TimeSpan.FromMinutes(3));
        Assert.False(demo.HasExited, demo.Output + demo.Log);
        var mountPoint = Assert.Single(scratch.Mounts()).MountPoint;
        Assert.Equal("MLFLOW\n", (await ModelFsProcess.RunAsync(["ls", mountPoint])).OutputText);
        Assert.Equal(0, await demo.InterruptAsync());
        AssertNothingIsLeft();
    }

    [Fact]
    public async Task An_interrupted_demonstration_leaves_nothing_behind()
    {
        await using var demo = ModelFsProcess.Start(["demo"], Environment());
        await ModelFsProcess.WaitForAsync(() => demo.Output.Contains("\n1. ", StringComparison.Ordinal), "the first step");
        Assert.Equal(1, await demo.TerminateAsync());
        Assert.Equal("modelfs: interrupted", demo.Log.Trim());
        AssertNothingIsLeft();
    }

    [Fact]
    public async Task Wrong_bytes_end_the_demonstration()
    {
        var store = DemoStore.Create(scratch["store"], 8 << 20, CancellationToken.None);
        await using (var file = File.OpenWrite(store.ContentPath("1", DemoStore.Weights)))
        {
            file.Position = 5_000_000;
            file.WriteByte(0xFF);
        }

        var (output, error) = await ShowAsync(store);
        Assert.Contains("step 4 does not hold", error, StringComparison.Ordinal);
        Assert.Contains("expected: " + store.WeightsSha256, output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_registry_without_its_alias_ends_the_demonstration()
    {
        var store = DemoStore.Create(scratch["store"], 1 << 20, CancellationToken.None);
        store.Move(DemoStore.Alias, "2");
        var (_, error) = await ShowAsync(store);
        Assert.Contains("step 1 does not hold", error, StringComparison.Ordinal);
    }

    private Dictionary<string, string> Environment() => new() { ["TMPDIR"] = scratch.Path };

    private void AssertNothingIsLeft()
    {
        Assert.Empty(scratch.Mounts());
        Assert.Empty(Directory.EnumerateFileSystemEntries(scratch.Path));
    }

    private async Task<(string Output, string Error)> ShowAsync(DemoStore store)
    {
        var output = new StringWriter();
        var error = await Assert.ThrowsAsync<CommandException>(() => DemoCommand.ShowAsync(
            store, new Executable(ModelFsProcess.Executable, []), scratch.Path, new DemoScreen(output), keep: false, CancellationToken.None));
        Assert.Empty(scratch.Mounts());
        return (output.ToString(), error.Message);
    }
}
