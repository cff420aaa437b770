using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Diagnosers;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Loggers;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;
using Perfolizer.Horology;
using ModelFs.Benchmarks.Figures;
using ModelFs.Benchmarks.Micro;
using ModelFs.Benchmarks.Rigs;

namespace ModelFs.Benchmarks.Parts;

/// <summary>The BenchmarkDotNet classes in a short form: nanoseconds and, which is what is promised, bytes allocated.</summary>
internal static class Code
{
    private static readonly Type[] Classes = [typeof(CachedRead), typeof(ReadAheadDetector), typeof(SingleFlight), typeof(IndexRecords), typeof(Codec)];

    public static Task RunAsync(Bench bench)
    {
        using var artifacts = bench.Scratch();
        var job = Job.Default.WithToolchain(InProcessEmitToolchain.Instance).WithIterationTime(TimeInterval.FromMilliseconds(100))
            .WithWarmupCount(3).WithIterationCount(Math.Max(3, bench.Options.Rounds));
        var config = ManualConfig.CreateEmpty().AddJob(job).AddDiagnoser(MemoryDiagnoser.Default).AddLogger(NullLogger.Instance)
            .AddColumnProvider(DefaultColumnProviders.Instance).WithArtifactsPath(artifacts.Directory).WithOptions(ConfigOptions.DisableLogFile);
        foreach (var type in Classes)
        {
            bench.Cancellation.ThrowIfCancellationRequested();
            bench.Progress(type.Name);
            foreach (var report in BenchmarkRunner.Run(type, config).Reports)
                Add(bench, type, report);
        }

        return Task.CompletedTask;
    }

    private static void Add(Bench bench, Type type, BenchmarkReport report)
    {
        var name = $"`{type.Name}.{report.BenchmarkCase.Descriptor.WorkloadMethod.Name}`{Parameters(report.BenchmarkCase)}";
        if (!report.Success || report.ResultStatistics is not { } statistics)
            throw new BenchmarkException($"{name} failed");
        bench.Add(name, "ns", [.. statistics.OriginalValues]);
        // A warm read allocates nothing: that is promised, and a test holds it.
        var isPromised = report.BenchmarkCase.Descriptor.WorkloadMethod.Name == nameof(CachedRead.Cached);
        var bytes = report.GcStats.GetBytesAllocatedPerOperation(report.BenchmarkCase) ?? 0;
        bench.Add($"{name}: allocated", "B", [bytes], isPromised ? Goal.AtMost(0) : null);
    }

    private static string Parameters(BenchmarkCase benchmark) =>
        benchmark.HasParameters ? $" ({string.Join(", ", benchmark.Parameters.Items.Select(item => $"{item.Name} {item.Value}"))})" : "";
}
