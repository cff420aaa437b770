using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using ModelFs.Testing;
using ModelFs.Tests.Harness;
using ModelFs.Tests.Soak;

namespace ModelFs.Tests.EndToEnd;

/// <summary>The limits of a cache, through the kernel: what gives way, what stays, and what readers notice of it (nothing).</summary>
[Collection("mounts")]
public sealed class EvictionTests : IAsyncLifetime
{
    private const int MiB = 1 << 20;
    private const long CacheSize = 64 * MiB;

    /// <summary>What writers may have been admitted with at the same time, and what the index grows by within the second between two looks at it.</summary>
    private const long InFlight = 2 * MiB;

    /// <summary>Small files, of which one is read each tenth of a second: after two seconds at the most it is tried again to store.</summary>
    private const int Small = 300;

    private readonly Scratch scratch = new();
    private readonly Dictionary<string, long> sizes = [];
    private FileServer tree = null!;
    private SoakCache cache = null!;

    public async Task InitializeAsync()
    {
        DebianPackages.Require("attr");
        Directory.CreateDirectory(scratch["www"]);
        tree = await FileServer.StartNginxAsync(scratch["www"], scratch["nginx"]);
        cache = new SoakCache(scratch["cache"]);
    }

    public async Task DisposeAsync()
    {
        await tree.DisposeAsync();
        scratch.Dispose();
    }

    [Fact]
    public async Task Under_readers_of_twice_what_the_cache_holds_the_disk_never_has_more_than_its_limit_and_what_is_in_flight()
    {
        Fill(16, 8 * MiB);
        await using var mount = await MountAsync();
        var readers = Enumerable.Range(0, 3).Select(r => Shell.RunAsync($"for i in {string.Join(' ', Enumerable.Range(0, 16).Select(i => (i + 5 * r) % 16))}; do {Compare("$i")} || exit 1; done")).ToList();
        long most = 0;
        var all = Task.WhenAll(readers);
        bool isLast;
        do
        {
            isLast = all.IsCompleted;
            // The daemon is stopped for a look: it would move bytes from what was counted to what is not yet.
            var blocks = await Shell.RunAsync(
                $"kill -STOP {mount.Id}; until grep -q '^State:.*T' /proc/{mount.Id}/status; do sleep 0.01; done; find '{scratch["cache"]}' -printf '%b\\n'; kill -CONT {mount.Id}");
            most = Math.Max(most, blocks.Lines.Sum(long.Parse) * 512);
            await Task.WhenAny(all, Task.Delay(50));
        }
        while (!isLast);

        Assert.All(await all, r => Assert.True(r.ExitCode == 0, r.Output + r.Error));
        Assert.InRange(most, CacheSize / 2, CacheSize + InFlight);
    }

    [Fact]
    public async Task While_an_open_file_takes_the_cache_others_are_served_unstored_and_are_stored_when_it_is_closed()
    {
        Fill(Small, 20 << 10);
        Write("open", 44 * MiB);
        Write("other", 24 * MiB);
        Write("next", 24 * MiB);
        await using var mount = await MountAsync();
        await ReadsRightAsync("open");
        await Shell.UntilAsync(Mode("open"), r => r.Output == "passthrough");
        using (var holder = Process.Start(new ProcessStartInfo("/bin/sh", ["-c", "exec 3< \"$0\"; echo open; read go; sha256sum <&3", At("open")]) { RedirectStandardInput = true, RedirectStandardOutput = true })!)
        {
            try
            {
                Assert.Equal("open", await holder.StandardOutput.ReadLineAsync().WaitAsync(TimeSpan.FromMinutes(1)));
                await ReadsRightAsync("other");
                var status = await UntilAsync(s => s.TryGetProperty("fault", out _));
                Assert.Equal($"the limit of {CacheSize} bytes is reached and everything is open or pinned", status.GetProperty("fault").GetString());
                Assert.InRange(cache.Bytes, sizes["open"], CacheSize + InFlight);
                Assert.Equal("lazy", (await Shell.RunAsync(Mode("other"))).Output);
                Assert.Single(mount.Log.Split('\n'), line => line.Contains("Blocks are not stored for now", StringComparison.Ordinal));

                // What is open stays, and needs no origin.
                await tree.StopAsync();
                await holder.StandardInput.WriteLineAsync();
                await holder.StandardInput.FlushAsync();
                var digest = Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(await File.ReadAllBytesAsync(Original("open"))));
                Assert.Equal($"{digest}  -", await holder.StandardOutput.ReadLineAsync().WaitAsync(TimeSpan.FromMinutes(1)));
                await holder.WaitForExitAsync().WaitAsync(TimeSpan.FromMinutes(1));
            }
            finally
            {
                holder.Kill();
            }
        }

        await tree.StartAsync();
        var stored = await Shell.RunAsync(UntilOneIsStored);
        Assert.True(stored.Output == "stored\n", stored.Output + stored.Error);
        Assert.False((await StatusAsync()).TryGetProperty("fault", out _));
        await ReadsRightAsync("next");
        await ModelFsProcess.WaitForAsync(() => !cache.Sealed().Contains(sizes["open"]), "the file that is closed to give way");
    }

    [Fact]
    public async Task What_nobody_used_for_the_age_of_its_registry_goes_after_a_restart_too_and_is_fetched_again()
    {
        await using var models = await Origin.StartAsync(scratch);
        foreach (string name in (string[])["old", "young"])
            Write(name, MiB);
        var config = scratch.Write("config.yaml", $$"""
            registries:
              WWW: { kind: http, uri: "{{tree.Registry["WWW=http:".Length..]}}", maxAge: 1h }
              MLFLOW: { kind: mlflow, uri: "{{models.Server.Address}}" }
            """);
        await using (var mount = await ModelFsProcess.MountAsync(scratch, ["--config", config]))
        {
            await ReadsRightAsync("old");
            await ReadsRightAsync("young");
            Assert.Equal(0, (await Shell.RunAsync($"cat '{scratch["mnt"]}/MLFLOW/tiny-bert/1/weights.bin' > /dev/null")).ExitCode);
            await SealedAsync("old", "young");
            sizes["eternal"] = Origin.WeightsSize;
            await SealedAsync("eternal");
            Assert.Equal(0, await mount.TerminateAsync());
        }

        // The index knows when they were used, to the minute; without it that is when they were written.
        Directory.Delete(scratch["cache", "index", "blocks"], recursive: true);
        foreach (var file in new DirectoryInfo(scratch["cache", "objects"]).EnumerateFiles("*", SearchOption.AllDirectories).Where(f => f.Length != sizes["young"]))
            file.LastWriteTimeUtc = DateTime.UtcNow.AddHours(-2);
        await using (await ModelFsProcess.MountAsync(scratch, ["--config", config]))
        {
            await ModelFsProcess.WaitForAsync(() => !cache.Sealed().Contains(sizes["old"]), "the old file to go");
            Assert.Equal([sizes["young"], sizes["eternal"]], cache.Sealed().Order());
            await ReadsRightAsync("old");
            await SealedAsync("old", "young", "eternal");
        }
    }

    /// <remarks>On a filesystem of 128 MiB of which 64 are to be left, in a mount namespace of its own.</remarks>
    [Fact]
    public async Task The_disk_keeps_its_floor_of_free_space_also_when_others_fill_it_and_readers_do_not_notice()
    {
        Fill(Small, 20 << 10);
        foreach (string name in (string[])["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"])
            Write(name, 8 * MiB);
        scratch.Write("run.sh", $$"""
            set -e
            cd {{scratch.Path}}
            mkdir disk mnt
            mount -t tmpfs -o size=128m tmpfs disk
            export MODELFS_CACHE=$PWD/disk/cache PATH={{AppContext.BaseDirectory}}:$PATH
            modelfs mount mnt --registry {{tree.Registry}} --cache-size 1GiB --min-free 64MiB > log 2>&1 & daemon=$!
            until mountpoint -q mnt && modelfs status 2> /dev/null | grep -q '^daemon  *process'; do
                kill -0 $daemon || exec cat log
                sleep 0.05
            done
            floor={{64 * MiB}}
            free() { df --output=avail -B1 disk | tail -1; }
            for i in a b c d e f g h i j k l; do
                cmp mnt/WWW/$i.bin www/$i.bin
                [ $(free) -ge $((floor - {{InFlight}})) ] || echo "after $i: $(free) bytes are free"
            done
            modelfs status | grep '^fault' || true
            # Somebody else takes as much as half of what the cache has.
            head -c 30M /dev/zero > disk/other
            until [ $(free) -ge $floor ]; do sleep 0.1; done
            [ -n "$(find disk/cache/objects -type f)" ] || echo 'nothing is left'
            # And more than there is.
            head -c 40M /dev/zero >> disk/other
            until [ -z "$(find disk/cache/objects -type f)" ]; do sleep 0.1; done
            i=0
            until modelfs status | grep '^fault'; do
                {{Compare("$i")}}
                i=$((i + 1))
            done
            cmp mnt/WWW/a.bin www/a.bin
            getfattr --only-values -n user.modelfs.cached mnt/WWW/a.bin
            echo ' bytes are stored'
            # There is room again.
            rm disk/other
            {{UntilOneIsStored}}
            until ! modelfs status | grep '^fault' > /dev/null; do sleep 0.1; done
            kill -TERM $daemon
            wait $daemon
            """);
        var run = await Shell.RunAsync($"unshare -m sh {scratch["run.sh"]}");
        Assert.True(run.ExitCode == 0, run.Output + run.Error);
        Assert.Equal([$"fault       less than {64 * MiB} bytes are free and everything is open or pinned", "0 bytes are stored", "stored"], run.Lines);
    }

    private void Fill(int count, int size)
    {
        for (int i = 0; i < count; i++)
            Write(i.ToString(CultureInfo.InvariantCulture), size);
    }

    /// <summary>A file of about that size, and of one that no other has: so an object is known by its size.</summary>
    private void Write(string name, int size)
    {
        var content = new byte[size - sizes.Count];
        new Random(sizes.Count).NextBytes(content);
        File.WriteAllBytes(Original(name), content);
        sizes.Add(name, content.Length);
    }

    private string Original(string name) => scratch["www", name + ".bin"];

    private string At(string name) => scratch["mnt", "WWW", name + ".bin"];

    private string Compare(string name) => $"cmp {At(name)} {Original(name)}";

    /// <summary>Reads one small file after the other until one of those that it has read is complete: what was served unstored stays in memory, and is not asked for again.</summary>
    private string UntilOneIsStored =>
        $"for i in $(seq 0 {Small - 1}); do {Compare("$i")} || exit 1; read=\"$read {At("$i")}\"; sleep 0.1; if {ModeOf("$read")} | grep -q passthrough; then echo stored; break; fi; done";

    private string Mode(string name) => ModeOf(At(name));

    private static string ModeOf(string paths) => $"getfattr --only-values --absolute-names -n user.modelfs.mode {paths}";

    private async Task ReadsRightAsync(string name)
    {
        var result = await Shell.RunAsync(Compare(name));
        Assert.True(result.ExitCode == 0, result.Output + result.Error);
    }

    private Task SealedAsync(params string[] names) =>
        ModelFsProcess.WaitForAsync(() => cache.Sealed() is var all && names.All(name => all.Contains(sizes[name])), $"{string.Join(", ", names)} to be complete");

    private async Task<JsonElement> UntilAsync(Func<JsonElement, bool> holds)
    {
        for (var start = Stopwatch.GetTimestamp(); ; await Task.Delay(50))
        {
            var status = await StatusAsync();
            if (holds(status))
                return status;
            Assert.True(Stopwatch.GetElapsedTime(start) < TimeSpan.FromMinutes(1), $"{status}");
        }
    }

    private async Task<JsonElement> StatusAsync()
    {
        var result = await ModelFsProcess.RunAsync(["status", "--json"], new Dictionary<string, string> { ["MODELFS_CACHE"] = scratch["cache"] });
        Assert.True(result.ExitCode == 0, result.Errors);
        using var document = JsonDocument.Parse(result.OutputText);
        return document.RootElement.GetProperty("cache").Clone();
    }

    private Task<ModelFsProcess> MountAsync() => ModelFsProcess.MountAsync(scratch, ["--registry", tree.Registry, "--cache-size", $"{CacheSize}", "--min-free", "0"]);
}
