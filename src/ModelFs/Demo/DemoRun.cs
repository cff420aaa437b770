using System.Diagnostics;
using System.Globalization;
using ModelFs.Configuration;

namespace ModelFs.Demo;

/// <summary>The steps. Each shows what it measured and checks it; the first that does not hold ends the demonstration.</summary>
internal sealed class DemoRun(DemoStore store, DemoServer server, DemoMount mount, DemoScreen screen)
{
    /// <summary>Four reads may cost a block and a read-ahead each: far from the whole in any case.</summary>
    private const long FewBytes = 4L << 20;

    private const int Reads = 4;
    private const int Repetitions = 5;

    /// <summary>What a loaded machine may add to the time after which an alias has to have moved.</summary>
    private static readonly TimeSpan Slack = TimeSpan.FromSeconds(2);

    private readonly string model = Path.Combine(mount.MountPoint, "MLFLOW", DemoStore.Model);

    private string Link => Path.Combine(model, DemoStore.Alias);

    private string Weights => Path.Combine(Link, DemoStore.Weights);

    public async Task RunAsync(CancellationToken cancellation)
    {
        await ShowTreeAsync(cancellation);
        await ResolveAliasAsync(cancellation);
        await ReadALittleAsync(cancellation);
        await ReadWholeAsync(cancellation);
        await ReadAgainAsync(cancellation);
        await MoveAliasAsync(cancellation);
    }

    private async Task ShowTreeAsync(CancellationToken cancellation)
    {
        screen.Step("The registry is a directory");
        var lines = await DemoReader.RunAsync(() => DemoTree.Draw(mount.MountPoint), cancellation);
        foreach (var line in lines)
            screen.Show(line);
        var size = ByteSize.Format(store.WeightsSize);
        var complete = HasLine($"{DemoStore.Alias} -> 1") && HasLine($"{DemoStore.Weights}  {size}");
        screen.Check(
            complete,
            $"listed with sizes; the server sent {ByteSize.Format(server.BytesSent)} for it",
            $"a link {DemoStore.Alias} to version 1 and a file {DemoStore.Weights} of {size}");

        bool HasLine(string end) => lines.Any(l => l.EndsWith(end, StringComparison.Ordinal));
    }

    private async Task ResolveAliasAsync(CancellationToken cancellation)
    {
        screen.Step("An alias is a link to a version, and a version never changes");
        var target = await ReadLinkAsync(cancellation);
        screen.Check(target == "1", $"readlink MLFLOW/{DemoStore.Model}/{DemoStore.Alias}: {target}", "1");
    }

    private async Task ReadALittleAsync(CancellationToken cancellation)
    {
        screen.Step($"Open {ByteSize.Format(store.WeightsSize)} and read {Reads} × 4 KiB of it");
        var before = server.BytesSent;
        var start = Stopwatch.GetTimestamp();
        var right = await DemoReader.RunAsync(() =>
        {
            using var file = DemoReader.Open(Weights);
            return Enumerable.Range(0, Reads).All(i => DemoReader.WeightsAreRight(file, (2 * i + 1) * (store.WeightsSize / (2 * Reads)), 4096));
        }, cancellation);
        var took = Stopwatch.GetElapsedTime(start);
        screen.Check(right, $"{(right ? "right" : "wrong")} bytes after {Duration.Format(took)}", "the bytes that the store holds");
        var sent = server.BytesSent - before;
        screen.Check(
            sent is > 0 and <= FewBytes,
            $"the server sent {ByteSize.Format(sent)} of {ByteSize.Format(store.WeightsSize)}",
            $"some, and at most {ByteSize.Format(FewBytes)}");
    }

    private async Task ReadWholeAsync(CancellationToken cancellation)
    {
        screen.Step("Read the whole of it, for the first time");
        var before = server.BytesSent;
        var took = await DemoReader.RunAsync(() => DemoReader.ReadWhole(Weights), cancellation);
        var sent = server.BytesSent - before;
        var most = store.WeightsSize * 105 / 100;
        screen.Check(
            sent <= most, $"{Rate(took)} in {Duration.Format(took)}; the server sent {ByteSize.Format(sent)}", $"at most {ByteSize.Format(most)} sent");
        var hash = await DemoReader.RunAsync(() => DemoReader.Sha256(Weights), cancellation);
        screen.Check(hash == store.WeightsSha256, $"sha256 {hash[..16]}…", store.WeightsSha256);
    }

    private async Task ReadAgainAsync(CancellationToken cancellation)
    {
        screen.Step($"Read it again, beside the same file read natively (median of {Repetitions}, both in the page cache)");
        var before = server.BytesSent;
        var native = store.ContentPath("1", DemoStore.Weights);
        var (mounted, natively) = (new List<TimeSpan>(), new List<TimeSpan>());
        await DemoReader.RunAsync(() => DemoReader.ReadWhole(native), cancellation);
        for (var i = 0; i < Repetitions; i++)
        {
            mounted.Add(await DemoReader.RunAsync(() => DemoReader.ReadWhole(Weights), cancellation));
            natively.Add(await DemoReader.RunAsync(() => DemoReader.ReadWhole(native), cancellation));
        }

        var ratio = Median(natively) / Median(mounted);
        screen.Show($"mount {Rate(Median(mounted))}, native {Rate(Median(natively))}: {ratio.ToString("0.00", CultureInfo.InvariantCulture)} of native");
        var sent = server.BytesSent - before;
        screen.Check(sent < store.WeightsSize / 1000, $"the server sent {ByteSize.Format(sent)} for {Repetitions} reads", "none of the file's bytes");
    }

    private async Task MoveAliasAsync(CancellationToken cancellation)
    {
        screen.Step($"Move {DemoStore.Alias} to version 2 in the registry, with the file of version 1 open");
        await using var open = await DemoReader.RunAsync(() => DemoReader.Open(Weights), cancellation);
        store.Move(DemoStore.Alias, "2");
        var start = Stopwatch.GetTimestamp();
        var limit = DemoMount.AliasTtl + Slack;
        var target = await ReadLinkAsync(cancellation);
        for (; target != "2" && Stopwatch.GetElapsedTime(start) < limit; target = await ReadLinkAsync(cancellation))
            await Task.Delay(20, cancellation);
        var took = Stopwatch.GetElapsedTime(start);
        screen.Check(
            target == "2",
            $"readlink says {target} after {Duration.Format(took)}, with a TTL of {Duration.Format(DemoMount.AliasTtl)}",
            $"2 within {Duration.Format(limit)}");
        var right = await DemoReader.RunAsync(() => DemoReader.WeightsAreRight(open, store.WeightsSize / 2, 4096), cancellation);
        screen.Check(right, $"the open file still reads version {(right ? "1" : "?")}", "1");
    }

    private Task<string?> ReadLinkAsync(CancellationToken cancellation) => DemoReader.RunAsync(() => new DirectoryInfo(Link).LinkTarget, cancellation);

    private string Rate(TimeSpan time) => ByteSize.Format((long)(store.WeightsSize / time.TotalSeconds)) + "/s";

    private static TimeSpan Median(List<TimeSpan> times) => times.Order().ElementAt(times.Count / 2);
}
