using System.Diagnostics.Metrics;
using ModelFs.Fuse.Protocol;

namespace ModelFs.Fuse;

/// <summary>What one session counts, under the meter <c>ModelFs.Fuse</c>. Costs nothing while nobody listens, and never an allocation.</summary>
internal sealed class Metrics : IDisposable
{
    /// <summary>From an answer out of memory (some 10 µs) to a deadline (60 s): a factor of about three between two.</summary>
    private static readonly double[] Seconds = [0.00003, 0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 60];

    /// <summary>By opcode: <c>read</c>, <c>readdirplus</c>. Boxed once.</summary>
    private static readonly Dictionary<FuseOpcode, string> Names = Enum.GetValues<FuseOpcode>().ToDictionary(o => o, o => o.ToString().ToLowerInvariant());

    private readonly Meter meter = new("ModelFs.Fuse");
    private readonly Histogram<double> duration;
    private readonly Counter<long> deadlines;
    private readonly Counter<long> faults;

    /// <param name="pending">How many requests are not answered yet.</param>
    public Metrics(Func<int> pending)
    {
        duration = meter.CreateHistogram("modelfs.fuse.request.duration", "s", "From the request's arrival until its handler is done, by operation",
            advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = Seconds });
        deadlines = meter.CreateCounter<long>("modelfs.fuse.deadlines", "{request}", "Requests whose deadline passed: their callers got EIO");
        faults = meter.CreateCounter<long>("modelfs.fuse.faults", "{request}", "Requests whose handler failed unexpectedly: their callers got EIO");
        meter.CreateObservableUpDownCounter("modelfs.fuse.requests.pending", () => (long)pending(), "{request}", "Requests that are not answered yet");
    }

    /// <summary>Whether anybody wants to know how long requests take.</summary>
    public bool TakesTime => duration.Enabled;

    public void Served(FuseOpcode opcode, TimeSpan time) => duration.Record(time.TotalSeconds, Operation(opcode));

    public void DeadlinePassed(FuseOpcode opcode) => deadlines.Add(1, Operation(opcode));

    public void HandlerFailed(FuseOpcode opcode) => faults.Add(1, Operation(opcode));

    public void Dispose() => meter.Dispose();

    private static KeyValuePair<string, object?> Operation(FuseOpcode opcode) => new("operation", Names.GetValueOrDefault(opcode, "other"));
}
