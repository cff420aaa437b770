using ModelFs.Testing;
using ModelFs.Tests.Harness;

namespace ModelFs.Tests.Acceptance;

/// <summary>Artifacts of this machine's files, on a filesystem that a server has to answer for: another mount, whose daemon is stopped.</summary>
[Collection("mounts")]
public sealed class LocalFilesTests : OriginTests
{
    private const int Size = 9_000_017;
    private const ulong Seed = 5;
    private const int Readers = 24;

    private string Slow => scratch["mnt", "LOCAL", "slow", "1", "weights.bin"];

    [Fact]
    public async Task Local_files_that_hang_take_threads_of_their_own_and_nobody_elses_reads()
    {
        var far = FixtureFileStore.Create(scratch["far-store"]);
        far.AddVersion("fsmodel", 2, far.AddFile("big", "weights.bin", Size, Seed));
        var near = FixtureFileStore.Create(scratch["near-store"]);
        near.AddModel("slow");
        near.AddVersion("slow", 1, "file://" + scratch["far", "FAR", "fsmodel", "2"]);
        var config = scratch.Write("modelfs.yaml", $$"""
            registries:
              LOCAL: { kind: mlflow, uri: '{{near.Root}}', artifactRoots: ['{{scratch["far"]}}'] }
              MLFLOW: { kind: mlflow, uri: '{{origin.Server.Address}}' }
            """);
        await using var server = await ModelFsProcess.MountAsync(scratch, ["--registry", "FAR=mlflow:file://" + far.Root], mountName: "far", cacheName: "far-cache");
        await using var mount = await ModelFsProcess.MountAsync(scratch, ["--config", config]);
        Assert.Equal(["weights.bin"], (await Shell.RunAsync($"ls {scratch["mnt", "LOCAL", "slow", "1"]}")).Lines);

        await SignalAsync("STOP", server);
        var hung = Enumerable.Range(0, Readers).Select(i => TryReadAsync(i * 350_000L)).ToList();
        try
        {
            // Somebody waits for what is stopped before it is asked who does.
            await ModelFsProcess.WaitForAsync(() => ThreadsThatWaitForFuse(mount.Id).Count > 0 || hung.Any(r => r.IsCompleted), "the readers");
            var weights = scratch["mnt", "MLFLOW", "tiny-bert", "1", "weights.bin"];
            Assert.Equal(origin.Content("1", "weights.bin"), await ModelFsProcess.InTimeAsync(() => File.ReadAllBytes(weights)));
            Assert.Equal(["fsmodel", "slow"], (await Shell.RunAsync($"ls {scratch["mnt", "LOCAL"]}")).Lines.Where(l => l is "fsmodel" or "slow"));
            Assert.All(ThreadsThatWaitForFuse(mount.Id), name => Assert.StartsWith("modelfs-LOCAL-", name, StringComparison.Ordinal));
            Assert.InRange(ThreadsThatWaitForFuse(mount.Id).Count, 0, 8);
        }
        finally
        {
            await SignalAsync("CONT", server);
        }

        await Task.WhenAll(hung);
        await Shell.UntilAsync($"sha256sum < {Slow}", result => result.Output.StartsWith(FormulaContent.Sha256(Size, Seed), StringComparison.Ordinal));
    }

    /// <summary>Whether it gets its bytes depends on how long it had to wait.</summary>
    private Task<bool> TryReadAsync(long offset) => Task.Factory.StartNew(() =>
    {
        try
        {
            using var file = File.OpenHandle(Slow);
            return RandomAccess.Read(file, new byte[1000], offset) > 0;
        }
        catch (IOException)
        {
            return false;
        }
    }, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    /// <summary>The names of a process's threads that a FUSE server keeps waiting; none where the kernel does not say where threads wait.</summary>
    private static List<string> ThreadsThatWaitForFuse(int process)
    {
        var names = new List<string>();
        foreach (var task in Directory.GetDirectories($"/proc/{process}/task"))
        {
            try
            {
                if (File.ReadAllText(Path.Combine(task, "wchan")).Contains("request_wait", StringComparison.Ordinal))
                    names.Add(File.ReadAllText(Path.Combine(task, "comm")).Trim());
            }
            catch (IOException)
            {
                // The thread has ended.
            }
        }

        return names;
    }

    private static async Task SignalAsync(string signal, ModelFsProcess process) =>
        Assert.Equal(0, (await Shell.RunAsync($"kill -{signal} {process.Id}")).ExitCode);
}
