using System.Diagnostics.Metrics;

namespace ModelFs.Registries;

/// <summary>What this project counts, under the meter <c>ModelFs.Registries</c>, each with the registry's name.</summary>
internal static class Metrics
{
    private static readonly Meter Meter = new("ModelFs.Registries");

    private static readonly Counter<long> Requests =
        Meter.CreateCounter<long>("modelfs.registry.requests", "{request}", "Requests sent, retries and redirects included.");

    private static readonly Counter<long> Bytes =
        Meter.CreateCounter<long>("modelfs.registry.bytes", "By", "Bytes of files received, from a server or a local store.");

    private static readonly Counter<long> Failures =
        Meter.CreateCounter<long>("modelfs.registry.failures", "{failure}", "Requests that ended in an error, by kind.");

    public static void Asked(string registry) => Requests.Add(1, new KeyValuePair<string, object?>("registry", registry));

    public static void Received(string registry, int count) => Bytes.Add(count, new KeyValuePair<string, object?>("registry", registry));

    public static void Failed(string registry, RegistryErrorKind kind) => Failures.Add(
        1, new KeyValuePair<string, object?>("registry", registry), new KeyValuePair<string, object?>("kind", kind.ToString()));
}
