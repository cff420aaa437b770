using System.Diagnostics;
using System.Globalization;
using ModelFs.Testing.Mlflow;

namespace ModelFs.Benchmarks;

/// <summary>A file of 272 MiB through the mount, beside <c>curl</c> from the same origin and <c>dd</c> of the same bytes on the same disk.</summary>
internal static class MountedReads
{
    private const int Rounds = 5;
    private const string Weights = "MLFLOW/bert-tiny/1/model/model.safetensors";
    private const string Url = "model-versions/get-artifact?name=bert-tiny&version=1&path=model/model.safetensors";

    public static async Task<int> RunAsync()
    {
        var cold = new List<double>();
        var warm = new List<double>();
        await using var origin = new RecordedMlflow(MlflowFlavour.Uvicorn);
        for (var round = 0; round <= Rounds; round++)
        {
            var directory = Directory.CreateTempSubdirectory("modelfs-bench-").FullName;
            try
            {
                var native = Path.Combine(directory, "native");
                var curl = await TimeAsync("curl", "-s", "-o", native, origin.Uri + Url);
                var ratios = await MountedAsync(directory, origin.Uri, native, curl);
                // The first round warms the origin, the disk and the JIT of neither side that is measured.
                if (round == 0)
                    continue;
                cold.Add(ratios.Cold);
                warm.Add(ratios.Warm);
            }
            finally
            {
                Directory.Delete(directory, recursive: true);
            }
        }

        Report("cold sequential read, time / curl -o to the same disk", cold);
        Report("second read, rate / native (both in the page cache)", warm);
        return 0;
    }

    private static async Task<(double Cold, double Warm)> MountedAsync(string directory, Uri origin, string native, double curl)
    {
        var modelfs = Path.Combine(AppContext.BaseDirectory, "modelfs");
        var mountPoint = Path.Combine(directory, "mnt");
        await TimeAsync(modelfs, "mount", mountPoint, "--cache", Path.Combine(directory, "cache"), "--registry", $"MLFLOW=mlflow:{origin}", "--daemon");
        try
        {
            var file = Path.Combine(mountPoint, Weights);
            var cold = await DdAsync(file);
            var second = new List<double>();
            for (var i = 0; i < Rounds; i++)
                second.Add(await DdAsync(native) / await DdAsync(file));
            return (cold / curl, Median(second));
        }
        finally
        {
            await TimeAsync(modelfs, "umount", mountPoint);
        }
    }

    private static Task<double> DdAsync(string file) => TimeAsync("dd", $"if={file}", "of=/dev/null", "bs=1M", "status=none");

    private static async Task<double> TimeAsync(string program, params string[] arguments)
    {
        var start = Stopwatch.GetTimestamp();
        using var process = Process.Start(new ProcessStartInfo(program, arguments))!;
        await process.WaitForExitAsync();
        return process.ExitCode == 0
            ? Stopwatch.GetElapsedTime(start).TotalSeconds
            : throw new InvalidOperationException($"{program} {string.Join(' ', arguments)} ended with {process.ExitCode}");
    }

    private static double Median(List<double> values) => values.Order().ElementAt(values.Count / 2);

    private static void Report(string what, List<double> ratios) =>
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{what}: {Median(ratios):0.00} (min {ratios.Min():0.00}, max {ratios.Max():0.00}, {ratios.Count} rounds)"));
}
