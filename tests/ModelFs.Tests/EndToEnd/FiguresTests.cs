using System.Diagnostics;
using System.Reflection;
using ModelFs.Testing;
using ModelFs.Tests.Harness;

namespace ModelFs.Tests.EndToEnd;

/// <summary>The benchmarks' one command, on sizes that measure nothing: it runs, and cleans up.</summary>
[Collection("mounts")]
public sealed class FiguresTests : IDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(5);

    private static readonly string Program = Path.GetFullPath(
        typeof(FiguresTests).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(value => value.Key == "Benchmarks").Value!);

    private readonly Scratch scratch = new();
    private readonly List<Process> runs = [];

    public FiguresTests() => DebianPackages.Require("nginx-light", "curl");

    public void Dispose()
    {
        foreach (var run in runs)
            using (run)
                run.Kill(entireProcessTree: true); // nothing, but after a failure
        scratch.Dispose();
    }

    [Fact]
    public async Task The_benchmarks_fill_their_table()
    {
        var table = scratch["table.md"];
        var run = Start("--only", "sealed,cold,firstbyte", "--size", "8MiB", "--rounds", "1", "--without", "aria2c,rclone", "--output", table);
        var said = await EndAsync(run);
        Assert.True(run.ExitCode == 0, said);
        var text = await File.ReadAllTextAsync(table);
        Assert.DoesNotContain("Failed", text, StringComparison.Ordinal);
        Assert.Contains("Left out: aria2c, rclone.", text, StringComparison.Ordinal);
        foreach (var row in new[] { "| random 4 KiB, rate / native", "| cold sequential read, time / `curl -o`", "| first byte at a random place" })
            Assert.Contains(row, text, StringComparison.Ordinal);
        AssertNothingIsLeft();
    }

    [Fact]
    public async Task Benchmarks_that_are_stopped_leave_no_mount_and_no_file_behind()
    {
        var run = Start("--only", "cold", "--size", "8MiB", "--rounds", "100000", "--without", "aria2c,rclone");
        while (!IsMounted())
        {
            Assert.False(run.HasExited, "it ended by itself");
            await Task.Delay(5);
        }

        await Shell.RunAsync($"kill -TERM {run.Id}");
        var said = await EndAsync(run);
        Assert.True(run.ExitCode == 130, said);
        AssertNothingIsLeft();
    }

    private bool IsMounted() => File.ReadAllText("/proc/self/mountinfo").Contains(Temporary, StringComparison.Ordinal);

    private string Temporary => Directory.CreateDirectory(scratch["tmp"]).FullName;

    private Process Start(params string[] arguments)
    {
        var start = new ProcessStartInfo(Program, ["figures", "--shared-machine", .. arguments])
        {
            RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true,
        };
        start.Environment["TMPDIR"] = Temporary;
        var run = Process.Start(start)!;
        runs.Add(run);
        return run;
    }

    private static async Task<string> EndAsync(Process run)
    {
        using var limit = new CancellationTokenSource(Limit);
        var output = run.StandardOutput.ReadToEndAsync(limit.Token);
        var errors = run.StandardError.ReadToEndAsync(limit.Token);
        await run.WaitForExitAsync(limit.Token);
        return await output + await errors;
    }

    private void AssertNothingIsLeft()
    {
        Assert.False(IsMounted());
        Assert.Empty(Directory.EnumerateDirectories(Temporary));
    }
}
