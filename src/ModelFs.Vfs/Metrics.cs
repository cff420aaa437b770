using System.Diagnostics.Metrics;
using ModelFs.Vfs.Files;
using ModelFs.Vfs.Freshness;

namespace ModelFs.Vfs;

/// <summary>How the registries of one tree are and how its files were opened, under the meter <c>ModelFs.Vfs</c>. It asks nobody: it says what the last questions met.</summary>
internal sealed class Metrics : IDisposable
{
    private static readonly (OpenWay Way, string Reason)[] Reasons =
        [(OpenWay.Obstructed, "obstacle"), (OpenWay.Incomplete, "incomplete"), (OpenWay.Held, "held"), (OpenWay.Unverified, "unverified")];

    private readonly Meter meter = new("ModelFs.Vfs");

    public Metrics(IReadOnlyList<(string Name, RegistryHealth Health)> registries)
    {
        meter.CreateObservableGauge("modelfs.registry.up", () => registries.Select(r => Of(r, r.Health.IsUp ? 1L : 0L)), null,
            "0 while the registry does not answer; 1 also before it was asked");
        meter.CreateObservableGauge("modelfs.registry.age", () => registries.Where(r => r.Health.Age is not null).Select(r => Of(r, r.Health.Age!.Value.TotalSeconds)), "s",
            "Since the registry last answered a question");
        meter.CreateObservableCounter("modelfs.opens", EachWay, "{open}",
            "Files opened through a mount: read by the kernel itself (passthrough) or through the daemon (served), and why that");
    }

    public OpenCounters Opens { get; } = new();

    public void Dispose() => meter.Dispose();

    private IEnumerable<Measurement<long>> EachWay()
    {
        yield return new(Opens[OpenWay.PassedThrough], new KeyValuePair<string, object?>("mode", "passthrough"));
        foreach (var (way, reason) in Reasons)
            yield return new(Opens[way], new KeyValuePair<string, object?>("mode", "served"), new KeyValuePair<string, object?>("reason", reason));
    }

    private static Measurement<T> Of<T>((string Name, RegistryHealth Health) registry, T value)
        where T : struct => new(value, new KeyValuePair<string, object?>("registry", registry.Name));
}
