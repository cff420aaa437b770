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
        var result = await ModelFsProcess.RunAsync(["demo"], new Dictionary<string, string> { ["TMPDIR"] = scratch.Path }, limit: TimeSpan.FromMinutes(3));
        Assert.True(result.ExitCode == 0, result.OutputText + result.Errors);
        Assert.Equal("", result.Errors);
        foreach (var step in new[] { "\n1. ", "\n2. ", "\n3. ", "\n4. ", "\n5. ", "\n6. ", "champion -> 1\n", "the server sent " })
            Assert.Contains(step, result.OutputText, StringComparison.Ordinal);
        Assert.True(result.OutputText.Count(c => c == '\n') <= 50, "it fits on a screen");
        Assert.Empty(Directory.EnumerateFileSystemEntries(scratch.Path));
        Assert.Empty(scratch.Mounts());
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

    private async Task<(string Output, string Error)> ShowAsync(DemoStore store)
    {
        var output = new StringWriter();
        var error = await Assert.ThrowsAsync<CommandException>(() => DemoCommand.ShowAsync(
            store, new Executable(ModelFsProcess.Executable, []), scratch.Path, new DemoScreen(output), keep: false, CancellationToken.None));
        Assert.Empty(scratch.Mounts());
        return (output.ToString(), error.Message);
    }
}
