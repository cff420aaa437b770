using ModelFs.Benchmarks.Rigs;

namespace ModelFs.Benchmarks.Figures;

/// <summary>One way to do what is compared.</summary>
/// <param name="RunAsync">Does it once, with all that has to be in place made anew; given whether this is the round that does not count.</param>
internal sealed record Contestant(string Name, Func<bool, Task<Sample>> RunAsync);

/// <summary>What one run of one contestant took.</summary>
internal sealed record Sample(double Seconds)
{
    /// <summary>Of the contestant and its reader.</summary>
    public double CpuSeconds { get; init; }

    /// <summary>Bytes that the origin sent.</summary>
    public double OriginBytes { get; init; }

    public double DiskBytes { get; init; }

    public double SlowestSeconds { get; init; }

    /// <summary>Of the same read once more, at once.</summary>
    public double AgainSeconds { get; init; }
}

/// <summary>
/// Runs contestants in rounds, in a new order each time, so that what drifts on a machine drifts for all of them; the first round does not
/// count. A ratio is taken within a round.
/// </summary>
internal sealed class Rounds
{
    private readonly Dictionary<string, List<Sample>> samples = [];

    public static Task<Rounds> RunAsync(Bench bench, string what, params IReadOnlyList<Contestant> contestants) =>
        RunPreparedAsync(bench, what, static () => Task.CompletedTask, contestants);

    /// <param name="prepare">Done before each round.</param>
    public static async Task<Rounds> RunPreparedAsync(Bench bench, string what, Func<Task> prepare, params IReadOnlyList<Contestant> contestants)
    {
        var rounds = new Rounds();
        bench.Progress($"{what}: {string.Join(", ", contestants.Select(contestant => contestant.Name))}");
        for (var round = 0; round <= bench.Options.Rounds; round++)
        {
            var order = contestants.ToArray();
            bench.Random.Shuffle(order);
            await prepare();
            foreach (var contestant in order)
            {
                bench.Cancellation.ThrowIfCancellationRequested();
                var sample = await contestant.RunAsync(round == 0);
                if (round > 0)
                    rounds.Of(contestant.Name).Add(sample);
            }
        }

        return rounds;
    }

    public IReadOnlyList<double> Values(string contestant, Func<Sample, double> value) => [.. Of(contestant).Select(value)];

    public IReadOnlyList<double> Ratios(string contestant, string to, Func<Sample, double> value) =>
        [.. Of(contestant).Zip(Of(to), (one, other) => value(one) / value(other))];

    /// <summary>How many times faster.</summary>
    public IReadOnlyList<double> Speedups(string contestant, string over) => Ratios(over, contestant, sample => sample.Seconds);

    private List<Sample> Of(string contestant) =>
        samples.TryGetValue(contestant, out var found) ? found : samples[contestant] = [];
}
