using System.Collections.Concurrent;
using System.Diagnostics.Metrics;

namespace ModelFs.Monitoring;

/// <summary>One metric: a name, a kind, and a series for each set of labels.</summary>
internal sealed class MetricFamily(Instrument instrument)
{
    private readonly ConcurrentDictionary<string, MetricSeries> all = new(StringComparer.Ordinal);
    private readonly double[]? bounds = BoundsOf(instrument);

    public string Name { get; } = NameOf(instrument);

    /// <summary>Whether it is looked at when somebody asks, instead of counted as it happens.</summary>
    public bool IsObserved { get; } = instrument.IsObservable;

    /// <summary>As Prometheus has names: <c>modelfs.cache.origin.bytes</c>, counted, in bytes, is <c>modelfs_cache_origin_bytes_total</c>.</summary>
    public static string NameOf(Instrument instrument)
    {
        var name = instrument.Name.Replace('.', '_');
        var unit = instrument.Unit switch { "By" => "_bytes", "s" => "_seconds", _ => "" };
        if (!name.EndsWith(unit, StringComparison.Ordinal))
            name += unit;
        return IsCounter(instrument) ? name + "_total" : name;
    }

    public void Add(double value, ReadOnlySpan<KeyValuePair<string, object?>> labels)
    {
        var key = labels.Length switch
        {
            0 => "",
            1 => labels[0].Value as string ?? "",
            _ => PrometheusText.Labels(labels),
        };
        if (!all.TryGetValue(key, out var series))
            series = all.GetOrAdd(key, new MetricSeries(PrometheusText.Labels(labels), bounds));
        series.Add(value);
    }

    public void Clear() => all.Clear();

    public void Write(PrometheusText text)
    {
        if (all.IsEmpty)
            return;
        text.Begin(Name, bounds is not null ? "histogram" : IsCounter(instrument) ? "counter" : "gauge", instrument.Description ?? "");
        foreach (var series in all.Values.OrderBy(s => s.Labels, StringComparer.Ordinal))
            series.Write(text, Name);
    }

    private static bool IsCounter(Instrument instrument) =>
        instrument.GetType().GetGenericTypeDefinition() is var type && (type == typeof(Counter<>) || type == typeof(ObservableCounter<>));

    private static double[]? BoundsOf(Instrument instrument) =>
        instrument is Histogram<double> histogram ? [.. histogram.Advice?.HistogramBucketBoundaries ?? []] : null;
}
