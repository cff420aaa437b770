using System.Globalization;
using System.Runtime.InteropServices;
using ModelFs.Benchmarks.Rigs;

namespace ModelFs.Benchmarks.Figures;

/// <summary>Where a table was measured: without that a figure says nothing.</summary>
internal static class Machine
{
    public static async Task<string> DescribeAsync(CancellationToken cancellation)
    {
        var processor = File.ReadLines("/proc/cpuinfo").FirstOrDefault(line => line.StartsWith("model name", StringComparison.Ordinal))?.Split(": ")[^1];
        var memory = File.ReadLines("/proc/meminfo").First().Split(' ', StringSplitOptions.RemoveEmptyEntries)[1];
        var gigabytes = long.Parse(memory, CultureInfo.InvariantCulture) / (double)(1 << 20);
        var commit = await CommitAsync(cancellation);
        return string.Create(CultureInfo.InvariantCulture,
            $"""
            - {Environment.ProcessorCount} cores ({processor ?? RuntimeInformation.ProcessArchitecture.ToString()}), {gigabytes:0} GiB of memory
            - {Disk(Path.GetTempPath().TrimEnd('/'))}, kernel {Kernel()}, .NET {Environment.Version}
            - commit {commit}
            """);
    }

    private static string Kernel() => File.ReadAllText("/proc/sys/kernel/osrelease").Trim();

    /// <summary>What lies below the path: <c>ext4 on /dev/nvme0n1p2</c>.</summary>
    private static string Disk(string path) =>
        File.ReadLines("/proc/self/mountinfo").Select(line => line.Split(' '))
            .Where(fields => $"{path}/".StartsWith($"{fields[4].TrimEnd('/')}/", StringComparison.Ordinal))
            .MaxBy(fields => fields[4].Length) is [.., var type, var device, _] ? $"{type} on `{device}`" : "an unknown disk";

    private static async Task<string> CommitAsync(CancellationToken cancellation)
    {
        try
        {
            var commit = (await Child.RunAsync("git", cancellation, "rev-parse", "--short", "HEAD")).Trim();
            var changed = await Child.RunAsync("git", cancellation, "status", "--porcelain", "--untracked-files=no");
            return changed.Length == 0 ? commit : $"{commit} with local changes";
        }
        catch (Exception e) when (e is BenchmarkException or System.ComponentModel.Win32Exception)
        {
            return "unknown";
        }
    }
}
