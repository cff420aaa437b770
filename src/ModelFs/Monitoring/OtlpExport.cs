using OpenTelemetry;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;

namespace ModelFs.Monitoring;

/// <summary>Pushes the same metrics to a collector, as the standard's <c>OTEL_…</c> variables say.</summary>
internal sealed class OtlpExport : IDisposable
{
    /// <summary>The last export; a collector that hangs must not keep the daemon from ending.</summary>
    private const int ShutdownMilliseconds = 2000;

    private readonly MeterProvider provider;

    private OtlpExport(MeterProvider provider) => this.provider = provider;

    /// <returns>Null where no collector is named.</returns>
    public static OtlpExport? Start(string version)
    {
        if (!IsSet("OTEL_EXPORTER_OTLP_ENDPOINT") && !IsSet("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"))
            return null;
        return new OtlpExport(Sdk.CreateMeterProviderBuilder()
            .ConfigureResource(resource => resource.AddService("modelfs", serviceVersion: version).AddEnvironmentVariableDetector())
            .AddMeter("ModelFs", "ModelFs.*")
            .AddOtlpExporter()
            .Build());
    }

    public void Dispose()
    {
        provider.Shutdown(ShutdownMilliseconds);
        provider.Dispose();
    }

    private static bool IsSet(string variable) => Environment.GetEnvironmentVariable(variable) is { Length: > 0 };
}
