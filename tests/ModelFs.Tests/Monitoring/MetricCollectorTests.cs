using System.Diagnostics.Metrics;
using ModelFs.Monitoring;

namespace ModelFs.Tests.Monitoring;

public sealed class MetricCollectorTests : IDisposable
{
    private readonly string name = $"Test{Guid.NewGuid():N}";
    private readonly Meter meter;
    private readonly MetricCollector collector;

    public MetricCollectorTests() => (meter, collector) = (new Meter(name + ".Part"), new MetricCollector(name));

    public void Dispose()
    {
        collector.Dispose();
        meter.Dispose();
    }

    [Fact]
    public void Names_have_units_and_counters_say_that_they_count()
    {
        meter.CreateCounter<long>("a.file.bytes", "By", "Bytes").Add(7);
        meter.CreateCounter<int>("a.request", "{request}", "Requests").Add(1);
        meter.CreateObservableGauge("a.age", () => 1.5, "s", "Age");
        meter.CreateObservableUpDownCounter("a.queue", () => 3L, "{request}", "Waiting");

        var text = Exposition.Parse(collector.Write());

        Assert.Equal(["a_age_seconds", "a_file_bytes_total", "a_queue", "a_request_total"], text.Names);
        Assert.Equal((7.0, 1.0, 1.5, 3.0), (text.Value("a_file_bytes_total"), text.Value("a_request_total"), text.Value("a_age_seconds"), text.Value("a_queue")));
        Assert.Equal("gauge", text.TypeOf("a_queue"));
    }

    [Fact]
    public void A_label_may_hold_anything()
    {
        const string Hostile = "quote \" backslash \\ newline \n } # é 🙂";
        var counter = meter.CreateCounter<long>("a.request", null, "Help with \\ and \n newline");
        counter.Add(1, new KeyValuePair<string, object?>("registry", Hostile));
        counter.Add(2, new("registry", Hostile), new("kind", "x\\n"));

        var text = Exposition.Parse(collector.Write());

        Assert.Equal(3, text.Value("a_request_total", ("registry", Hostile)));
        Assert.Equal(2, text.Value("a_request_total", ("registry", Hostile), ("kind", "x\\n")));
    }

    [Fact]
    public void A_histogram_counts_each_value_in_every_bucket_that_holds_it()
    {
        var histogram = meter.CreateHistogram("a.time", "s", "Time", advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.1, 1, 10] });
        foreach (var value in new[] { 0.05, 0.1, 0.5, 100 })
            histogram.Record(value, new KeyValuePair<string, object?>("operation", "read"));

        var text = Exposition.Parse(collector.Write());

        Assert.Equal("histogram", text.TypeOf("a_time_seconds"));
        Assert.Equal([2, 3, 3, 4], new[] { "0.1", "1", "10", "+Inf" }.Select(le => text.Value("a_time_seconds_bucket", ("operation", "read"), ("le", le))!.Value));
        Assert.Equal(100.65, text.Value("a_time_seconds_sum")!.Value, 9);
    }

    [Fact]
    public void What_is_observed_is_as_it_is_now_and_what_is_counted_stays()
    {
        var registries = new List<string> { "A", "B" };
        meter.CreateObservableGauge("a.up", () => registries.Select(r => new Measurement<long>(1, new KeyValuePair<string, object?>("registry", r))), null, "Up");
        var counter = meter.CreateCounter<long>("a.request", null, "Requests");
        counter.Add(1);
        Assert.Equal(2, Exposition.Parse(collector.Write()).Value("a_up"));
        registries.Remove("A");
        counter.Add(1);

        var text = Exposition.Parse(collector.Write());

        Assert.Equal((1.0, null, 2.0), (text.Value("a_up"), text.Value("a_up", ("registry", "A")), text.Value("a_request_total")));
    }

    [Fact]
    public void A_measurement_allocates_nothing_once_its_series_is_there()
    {
        var histogram = meter.CreateHistogram("a.time", "s", "Time", advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.1, 1, 10] });
        Record(2_000);
        var before = GC.GetAllocatedBytesForCurrentThread();
        Record(20_000);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);

        void Record(int times)
        {
            for (var i = 0; i < times; i++)
                histogram.Record(0.5, new KeyValuePair<string, object?>("operation", "read"));
        }
    }

    [Fact]
    public async Task Added_by_many_threads_nothing_is_lost()
    {
        var counter = meter.CreateCounter<long>("a.request", null, "Requests");
        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(() =>
        {
            for (var i = 0; i < 10_000; i++)
                counter.Add(1, new KeyValuePair<string, object?>("registry", "A"));
        })));
        Assert.Equal(80_000, Exposition.Parse(collector.Write()).Value("a_request_total"));
    }
}
