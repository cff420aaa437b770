using System.Diagnostics;
using System.Runtime.InteropServices;
using ModelFs.Benchmarks.Rigs;

namespace ModelFs.Benchmarks.Figures;

/// <summary>The one command: all parts, one after the other, one table.</summary>
internal static class FiguresCommand
{
    public static async Task<int> RunAsync(IReadOnlyList<string> arguments)
    {
        using var stop = new CancellationTokenSource();
        // The first signal ends the run in order; a second one is the system's.
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
        using var hangUp = PosixSignalRegistration.Create(PosixSignal.SIGHUP, Stop);
        try
        {
            return await RunAsync(arguments, stop.Token);
        }
        catch (Exception e) when (e is OperationCanceledException or BenchmarkException or IOException && stop.IsCancellationRequested)
        {
            Console.Error.WriteLine("stopped; mounts, processes and files of the run are gone");
            return 130;
        }
        catch (BenchmarkException e)
        {
            Console.Error.WriteLine(e.Message);
            return 1;
        }

        void Stop(PosixSignalContext context)
        {
            context.Cancel = !stop.IsCancellationRequested;
            stop.Cancel();
        }
    }

    private static async Task<int> RunAsync(IReadOnlyList<string> arguments, CancellationToken cancellation)
    {
        var options = FigureOptions.Parse(arguments);
        foreach (var tool in options.Parts.SelectMany(part => part.Tools).Append(Tool.Nginx).Except(options.Without))
            _ = tool.Path;
        if (Environment.UserName != "root" && !options.SharedMachine)
            throw new BenchmarkException("only root can drop the page cache: run as root, or with --shared-machine");
        var machine = await Machine.DescribeAsync(cancellation);

        var failures = new Dictionary<string, string>();
        await using var bench = await Bench.CreateAsync(options, cancellation);
        foreach (var part in options.Parts)
        {
            bench.Part = part.Name;
            Console.WriteLine($"{part.Name}: {part.Title}");
            var start = Stopwatch.GetTimestamp();
            try
            {
                await part.RunAsync(bench);
            }
            catch (Exception e) when (e is BenchmarkException or IOException && !cancellation.IsCancellationRequested)
            {
                failures[part.Name] = e.Message;
                Console.WriteLine($"  FAILED: {e.Message}");
            }

            bench.Origin.Clear();
            Console.WriteLine($"  ({Stopwatch.GetElapsedTime(start).TotalSeconds:0} s)");
        }

        if (options.Output is { } output)
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(output))!);
            await File.WriteAllTextAsync(output, ResultTable.Write(options, arguments, machine, bench.Figures, failures), cancellation);
            Console.WriteLine($"written to {output}");
        }

        if (options.Readme)
            await File.WriteAllTextAsync(
                "README.md",
                ResultTable.Insert(await File.ReadAllTextAsync("README.md", cancellation), bench.Figures)
                    ?? throw new BenchmarkException("README.md has no place for figures"),
                cancellation);
        return failures.Count == 0 ? 0 : 1;
    }
}
