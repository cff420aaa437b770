using System.Diagnostics;
using System.Globalization;
using ModelFs.Benchmarks.Figures;
using ModelFs.Benchmarks.Names;
using ModelFs.Benchmarks.Rigs;
using ModelFs.Testing;

namespace ModelFs.Benchmarks.Parts;

/// <summary>
/// <c>stat</c> and <c>ls</c>: of a version of many files beside the directory that it was made of, of a registry of many models; and how long
/// a mount takes to give its first answer.
/// </summary>
internal static class NameReads
{
    private const string Model = "many";
    private const int Files = 10_000;
    private const int Models = 100_000;
    private const int AbsentNames = 1_000_000;
    private const int LargeObjects = 4096; // of 256 MiB: a terabyte

    // A pass over the names takes 10 ms, and so does what else a machine does.
    private const int Passes = 5;

    public static async Task RunAsync(Bench bench)
    {
        using var scratch = bench.Scratch();
        var store = FixtureFileStore.Create(scratch.File("mlruns"));
        var native = store.AddFile(Model, FileName(0), 1, 1)["file://".Length..];
        for (var i = 1; i < Files; i++)
            store.AddFile(Model, FileName(i), 1, 1);
        store.AddModel(Model);
        store.AddVersion(Model, 1, native);
        var registry = new Uri("file://" + store.Root);

        await using (var daemon = await Daemon.StartAsync(scratch.Directory, registry, bench.Cancellation))
            await VersionAsync(bench, daemon, native);
        await RegistryAsync(bench);
        await StartAsync(bench, registry);
    }

    private static async Task VersionAsync(Bench bench, Daemon daemon, string native)
    {
        var version = daemon.PathOf(Model, "");
        bench.Add($"a version of {Files} files listed for the first time", "s", [Seconds(() => NameCalls.List(NameCalls.Path(version)))]);
        var (here, there) = (Paths(version), Paths(native));
        _ = NameCalls.Stat(here);
        var known = await Rounds.RunAsync(bench, "stat of known names", Stat("native", there), Stat("mount", here));
        bench.Add($"stat of {Files} known names, rate / native directory", "", known.Speedups("mount", "native"), Goal.AtLeast(0.9));
        var listed = await Rounds.RunAsync(bench, "a known directory", List("native", native), List("mount", version));
        bench.Add($"listing of {Files} known names, rate / native directory", "", listed.Speedups("mount", "native"), Goal.AtLeast(0.9));

        var absent = Enumerable.Range(0, AbsentNames).Select(i => NameCalls.Path(Path.Combine(version, $"absent-{i}")));
        // The first tenth warms the daemon up.
        _ = NameCalls.Stat(absent.Take(AbsentNames / 10));
        var before = daemon.Process.Memory("VmRSS");
        var seconds = Seconds(() => NameCalls.Stat(absent.Skip(AbsentNames / 10)));
        bench.Add("a name that is not there, asked for once", "us", [seconds / (AbsentNames * 0.9) * 1e6]);
        bench.Add(
            $"memory of the daemon after {AbsentNames} such names, more than after {AbsentNames / 10}", "MB",
            [(daemon.Process.Memory("VmRSS") - before) / 1e6], Goal.AtMost(8));
    }

    private static async Task RegistryAsync(Bench bench)
    {
        await using var registry = new LargeRegistry(Models);
        using var scratch = bench.Scratch();
        await using var daemon = await Daemon.StartAsync(scratch.Directory, registry.Uri, bench.Cancellation);
        var models = NameCalls.Path(daemon.Models);
        bench.Add($"a registry of {Models} models listed for the first time", "s", [Seconds(() => NameCalls.List(models))]);
        bench.Add(
            "a registry of 100000 models listed again", "s", [.. Enumerable.Range(0, bench.Options.Rounds).Select(_ => Seconds(() => NameCalls.List(models)))],
            Goal.AtMost(1), headline: true);
        var paths = Enumerable.Range(0, Models).Select(i => NameCalls.Path(Path.Combine(daemon.Models, LargeRegistry.Name(i)))).ToArray();
        bench.Add("stat of each of these models", "us", [Seconds(() => NameCalls.Stat(paths)) / Models * 1e6]);
        bench.Add("memory of the daemon by then", "MB", [daemon.Process.Memory("VmRSS") / 1e6]);
    }

    private static async Task StartAsync(Bench bench, Uri registry)
    {
        using var empty = bench.Scratch();
        using var large = bench.Scratch();
        await LargeCache.WriteAsync(Directory.CreateDirectory(Daemon.CacheOf(large.Directory)).FullName, LargeObjects, LargeCache.LargeObject, areSealed: true);
        var rounds = await Rounds.RunAsync(bench, "from the start to the first answer", Start("empty", empty), Start("large", large));
        bench.Add("mount until the first answer, empty cache", "s", rounds.Values("empty", sample => sample.Seconds), Goal.AtMost(0.5), headline: true);
        bench.Add(
            $"mount until the first answer, a cache of {LargeObjects >> 2} GiB", "s", rounds.Values("large", sample => sample.Seconds),
            Goal.AtMost(2));

        Contestant Start(string name, Scratch scratch) => new(name, async _ =>
        {
            var start = Stopwatch.GetTimestamp();
            await using var daemon = await Daemon.StartAsync(scratch.Directory, registry, ["--cache-size", "4TiB"], bench.Cancellation);
            return new Sample(Stopwatch.GetElapsedTime(start).TotalSeconds);
        });
    }

    private static string FileName(int i) => string.Create(CultureInfo.InvariantCulture, $"part-{i:00000}.bin");

    private static byte[][] Paths(string directory) => [.. Enumerable.Range(0, Files).Select(i => NameCalls.Path(Path.Combine(directory, FileName(i))))];

    private static Contestant Stat(string name, byte[][] paths) => Repeated(name, () => NameCalls.Stat(paths));

    private static Contestant List(string name, string directory) => Repeated(name, () => NameCalls.List(NameCalls.Path(directory)));

    private static Contestant Repeated(string name, Func<long> pass) => new(name, _ =>
        Task.FromResult(new Sample(Enumerable.Range(0, Passes).Min(_ => Seconds(pass)))));

    private static double Seconds(Func<long> run)
    {
        var start = Stopwatch.GetTimestamp();
        _ = run();
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }
}
