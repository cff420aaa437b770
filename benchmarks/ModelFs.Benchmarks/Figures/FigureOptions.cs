using System.Globalization;
using ModelFs.Benchmarks.Rigs;
using ModelFs.Configuration;

namespace ModelFs.Benchmarks.Figures;

/// <summary>What a run was asked for.</summary>
internal sealed record FigureOptions
{
    public const string Usage = """
        figures [--only PART,…] [--rounds N] [--size SIZE] [--caches SIZE,…] [--without TOOL,…] [--shared-machine] [--output FILE] [--readme]

          --only            these parts alone
          --rounds          that count, after one that does not (default 5)
          --size            bytes of the largest model that is read whole (default 2GiB)
          --caches          sizes of the caches whose index is measured (default 1TiB,5TiB)
          --without         leaves aria2c, rclone or fio out of the comparison
          --shared-machine  forgets the pages of its own files, not the machine's: for a machine on which others work
          --output          where the table goes (default benchmarks/results/DATE.md of the working directory; with --only, nowhere)
          --readme          puts the headline figures of this run into README.md of the working directory
        """;

    public required IReadOnlyList<Part> Parts { get; init; }

    public int Rounds { get; init; } = 5;

    public long Size { get; init; } = 2L << 30;

    public IReadOnlyList<long> Caches { get; init; } = [1L << 40, 5L << 40];

    public IReadOnlyList<Tool> Without { get; init; } = [];

    public bool SharedMachine { get; init; }

    public string? Output { get; init; }

    public bool Readme { get; init; }

    /// <exception cref="BenchmarkException">An argument makes no sense.</exception>
    public static FigureOptions Parse(IReadOnlyList<string> arguments)
    {
        var options = new FigureOptions { Parts = Part.All, Output = $"benchmarks/results/{DateTime.UtcNow:yyyy-MM-dd}.md" };
        var only = false;
        string? output = null;
        for (var i = 0; i < arguments.Count; i++)
        {
            var name = arguments[i];
            switch (name)
            {
                case "--shared-machine":
                    options = options with { SharedMachine = true };
                    continue;
                case "--readme":
                    options = options with { Readme = true };
                    continue;
            }

            if (i + 1 == arguments.Count)
                throw new BenchmarkException($"{name} is unknown or lacks its value\n{Usage}");
            var value = arguments[++i];
            switch (name)
            {
                case "--only":
                    options = options with { Parts = [.. value.Split(',').Select(Part.Named)] };
                    only = true;
                    break;
                case "--rounds" when int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var rounds) && rounds > 0:
                    options = options with { Rounds = rounds };
                    break;
                case "--size" when ByteSize.TryParse(value, out var size) && size >= 4 << 20:
                    options = options with { Size = size >> 20 << 20 };
                    break;
                case "--caches":
                    options = options with { Caches = [.. value.Split(',').Select(CacheSize)] };
                    break;
                case "--without":
                    options = options with { Without = [.. value.Split(',').Select(OptionalTool)] };
                    break;
                case "--output":
                    output = value;
                    break;
                default:
                    throw new BenchmarkException($"{name} {value} makes no sense\n{Usage}");
            }
        }

        return options with { Output = output ?? (only ? null : options.Output) };
    }

    private static long CacheSize(string text) => ByteSize.TryParse(text, out var size) && size >= 1L << 30
        ? size
        : throw new BenchmarkException($"--caches {text}: a size of at least 1GiB is wanted");

    private static Tool OptionalTool(string name) => Tool.Optional.FirstOrDefault(tool => tool.Program == name)
        ?? throw new BenchmarkException($"--without {name}: there is {string.Join(", ", Tool.Optional.Select(tool => tool.Program))}");
}
