using System.Diagnostics;

namespace ModelFs.Fuse.Tests.Mounting;

public sealed class HungReaderTests : MountSandbox
{
    private readonly HangingFileSystem fileSystem = new();

    [Theory]
    [InlineData("hung")]
    [InlineData("direct")]
    public async Task A_reader_that_is_killed_during_a_hung_read_goes_away(string name)
    {
        await MountAsync(fileSystem);
        using Process reader = Tool.Start("cat", $"{MountPoint}/{name}");
        await TestWait.UntilAsync(() => fileSystem.Waiting >= 1);

        reader.Kill();

        await Tool.ExitAsync(reader);
        Assert.Equal(137, reader.ExitCode);
    }

    [Fact]
    public async Task A_signal_in_a_direct_read_cancels_its_handler()
    {
        await MountAsync(fileSystem);
        using Process reader = Tool.Start("cat", $"{MountPoint}/direct");
        await TestWait.UntilAsync(() => fileSystem.Waiting >= 1);

        Assert.Equal(0, (await Tool.RunAsync("kill", "-TERM", $"{reader.Id}")).ExitCode);

        await Tool.ExitAsync(reader);
        await TestWait.UntilAsync(() => fileSystem.Waiting == 0);
        Assert.Empty(Log.Errors);
    }

    [Fact]
    public async Task Twenty_hung_readers_do_not_keep_another_file_from_being_read()
    {
        await MountAsync(fileSystem);
        Process[] readers = [.. Enumerable.Range(0, 20).Select(number => Tool.Start("cat", $"{MountPoint}/hung{number}"))];
        try
        {
            await TestWait.UntilAsync(() => fileSystem.Waiting >= 20);

            ToolResult quick = await Tool.RunAsync("cat", $"{MountPoint}/quick");

            Assert.Equal(new string('x', 4 << 20), quick.Output);
            Assert.True(fileSystem.Waiting >= 20);
        }
        finally
        {
            foreach (Process reader in readers)
            {
                reader.Kill();
                await Tool.ExitAsync(reader);
                reader.Dispose();
            }
        }
    }

    [Fact]
    public async Task A_read_past_its_deadline_is_eio_for_its_reader()
    {
        await MountAsync(fileSystem, Options with { RequestDeadline = TimeSpan.FromMilliseconds(200) });

        ToolResult result = await Tool.RunAsync("cat", $"{MountPoint}/hung");

        Assert.Contains("Input/output error", result.Error, StringComparison.Ordinal);

        // The kernel asks twice: once for the read-ahead, and once for the page that it did not bring.
        await TestWait.UntilAsync(() => Log.Errors.Any());
        Assert.All(Log.Errors, line => Assert.StartsWith("Read of node", line, StringComparison.Ordinal));
    }
}
