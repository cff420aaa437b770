namespace ModelFs.Benchmarks.Rigs;

/// <summary>A program of the distribution that is measured, or serves.</summary>
internal sealed record Tool(string Program, string Package)
{
    public static readonly Tool Nginx = new("nginx", "nginx-light");
    public static readonly Tool Curl = new("curl", "curl");
    public static readonly Tool Aria2 = new("aria2c", "aria2");
    public static readonly Tool Rclone = new("rclone", "rclone");
    public static readonly Tool Fio = new("fio", "fio");

    /// <summary>Those that a run may leave out.</summary>
    public static IReadOnlyList<Tool> Optional { get; } = [Aria2, Rclone, Fio];

    public string Path => Find() ?? throw new BenchmarkException(
        $"{Program} is not installed: apt-get install {Package}" + (Optional.Contains(this) ? $", or leave it out: --without {Program}" : ""));

    private string? Find() =>
        $"{Environment.GetEnvironmentVariable("PATH")}:/usr/sbin:/usr/local/sbin".Split(':')
            .Where(directory => directory.Length > 0)
            .Select(directory => System.IO.Path.Combine(directory, Program))
            .FirstOrDefault(File.Exists);
}

/// <summary>A benchmark that cannot be run, or whose figure would be wrong; the message is one line for whoever runs it.</summary>
internal sealed class BenchmarkException(string message) : Exception(message);
