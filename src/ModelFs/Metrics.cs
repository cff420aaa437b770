using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace ModelFs;

/// <summary>The process itself, under the meter <c>ModelFs</c> and the names that Prometheus' dashboards know.</summary>
internal sealed class Metrics : IDisposable
{
    private readonly Meter meter = new("ModelFs");

    public Metrics(string version)
    {
        var started = new DateTimeOffset(Process.GetCurrentProcess().StartTime).ToUnixTimeMilliseconds() / 1000.0;
        var build = new Measurement<long>(1, new KeyValuePair<string, object?>("version", version));
        meter.CreateObservableGauge("modelfs.build.info", () => build, null, "1, with the program's version");
        meter.CreateObservableGauge("process.resident.memory.bytes", () => Environment.WorkingSet, "By", "Memory of the process that is in RAM");
        meter.CreateObservableCounter("process.cpu.seconds", () => Environment.CpuUsage.TotalTime.TotalSeconds, "s", "Time on a processor");
        meter.CreateObservableGauge("process.start.time.seconds", () => started, "s", "Start of the process, since 1970");
    }

    public void Dispose() => meter.Dispose();
}
