using System.Collections.Concurrent;
using System.Diagnostics.Metrics;

namespace ModelFs.Monitoring;

/// <summary>Adds up what the meters of this program measure, from the moment it is made.</summary>
/// <remarks>
/// A measurement costs a look-up and an interlocked addition, and no allocation once its series exists: it runs on the threads that
/// serve reads. Labels are registries, operations and kinds, so that the number of series is bounded by the configuration.
/// </remarks>
internal sealed class MetricCollector : IDisposable
{
    private readonly Lock collecting = new();
    private readonly ConcurrentDictionary<string, MetricFamily> families = new(StringComparer.Ordinal);
    private readonly MeterListener listener = new();

    /// <param name="meter">The name of a meter, which stands for those below it too: <c>ModelFs</c> for <c>ModelFs.Cache</c>.</param>
    public MetricCollector(string meter)
    {
        listener.InstrumentPublished = (instrument, self) =>
        {
            if (instrument.Meter.Name == meter || instrument.Meter.Name.StartsWith(meter + ".", StringComparison.Ordinal))
                self.EnableMeasurementEvents(instrument, families.GetOrAdd(MetricFamily.NameOf(instrument), static (_, i) => new MetricFamily(i), instrument));
        };
        listener.SetMeasurementEventCallback<int>(static (_, value, labels, family) => ((MetricFamily)family!).Add(value, labels));
        listener.SetMeasurementEventCallback<long>(static (_, value, labels, family) => ((MetricFamily)family!).Add(value, labels));
        listener.SetMeasurementEventCallback<double>(static (_, value, labels, family) => ((MetricFamily)family!).Add(value, labels));
        listener.Start();
    }

    /// <summary>Everything that is known now, as Prometheus' text format 0.0.4 has it.</summary>
    public string Write()
    {
        lock (collecting)
        {
            foreach (var family in families.Values.Where(f => f.IsObserved))
                family.Clear();
            listener.RecordObservableInstruments();
            var text = new PrometheusText();
            foreach (var family in families.Values.OrderBy(f => f.Name, StringComparer.Ordinal))
                family.Write(text);
            return text.ToString();
        }
    }

    public void Dispose() => listener.Dispose();
}
