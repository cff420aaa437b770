namespace ModelFs.Monitoring;

/// <summary>One line of a metric, or one histogram. Added to by any thread.</summary>
/// <param name="labels">Written out, <c>registry="MLFLOW"</c>.</param>
/// <param name="bounds">Upper bounds of a histogram's buckets, ascending; the last bucket has none.</param>
internal sealed class MetricSeries(string labels, double[]? bounds)
{
    private readonly long[] buckets = bounds is null ? [] : new long[bounds.Length + 1];
    private double sum;

    public string Labels { get; } = labels;

    public void Add(double value)
    {
        double before, seen = Volatile.Read(ref sum);
        do
        {
            before = seen;
            seen = Interlocked.CompareExchange(ref sum, before + value, before);
        }
        while (BitConverter.DoubleToInt64Bits(seen) != BitConverter.DoubleToInt64Bits(before));
        if (bounds is null)
            return;
        var bucket = 0;
        while (bucket < bounds.Length && value > bounds[bucket])
            bucket++;
        Interlocked.Increment(ref buckets[bucket]);
    }

    public void Write(PrometheusText text, string name)
    {
        if (bounds is null)
        {
            text.Sample(name, Labels, Volatile.Read(ref sum));
            return;
        }

        long count = 0;
        for (var bucket = 0; bucket < buckets.Length; bucket++)
        {
            count += Volatile.Read(ref buckets[bucket]);
            var bound = bucket < bounds.Length ? bounds[bucket] : double.PositiveInfinity;
            text.Sample(name + "_bucket", PrometheusText.Joined(Labels, $"le=\"{PrometheusText.Number(bound)}\""), count);
        }

        text.Sample(name + "_sum", Labels, Volatile.Read(ref sum));
        text.Sample(name + "_count", Labels, count);
    }
}
