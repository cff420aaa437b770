using Microsoft.Extensions.Logging.Abstractions;
using ModelFs.Configuration;
using ModelFs.Control;
using ModelFs.Registries;

namespace ModelFs.Doctor;

/// <summary>Each registry, asked as the daemon would ask it, and the clock of its server.</summary>
internal static class RegistryChecks
{
    /// <summary>Signed addresses are mostly good for minutes: a clock that is off by one makes them fail now and then.</summary>
    private static readonly TimeSpan MostSkew = TimeSpan.FromMinutes(1);

    public static async Task<IReadOnlyList<Finding>> RunAsync(ModelFsOptions options, CancellationToken cancellation)
    {
        if (options.Registries.Count == 0)
        {
            await using var daemon = await DaemonStore.ConnectAsync(ControlSocket.Find(options.Cache), cancellation);
            if (daemon is not null)
                return [.. (await daemon.GetStatusAsync(cancellation)).Registries.Select(Judge)];
            return [Finding.Fail("registry", "none is configured", "give --registry MLFLOW=mlflow:http://HOST:5000, or set MLFLOW_TRACKING_URI")];
        }

        var findings = new List<Finding>();
        foreach (var registry in options.Registries)
            findings.AddRange(await AskAsync(options, registry, cancellation));
        return findings;
    }

    /// <summary>What the running mount has found of one of its registries.</summary>
    private static Finding Judge(RegistryReport registry) => registry.Answers
        ? Finding.Ok($"registry {registry.Name}", $"{registry.Description} answers the mount")
        : Finding.Fail($"registry {registry.Name}", registry.Error?.TrimEnd('.') ?? "does not answer the mount", "see to its kind, its address, its credentials, and the network between");

    /// <summary>In a store of its own, so that a daemon's cache is left alone.</summary>
    private static async Task<IReadOnlyList<Finding>> AskAsync(ModelFsOptions options, RegistryOptions registry, CancellationToken cancellation)
    {
        var check = $"registry {registry.Name}";
        var directory = Directory.CreateTempSubdirectory("modelfs-doctor-").FullName;
        try
        {
            var alone = options with { Cache = directory, Index = null, MinFree = 0, Registries = [registry] };
            await using var store = await LocalStore.OpenAsync(alone, keepsLimits: false, NullLoggerFactory.Instance, cancellation);
            var answer = (await store.GetStatusAsync(cancellation)).Registries.Single();
            var finding = answer.Answers
                ? Finding.Ok(check, $"{answer.Description} answers")
                : Finding.Fail(check, answer.Error?.TrimEnd('.') ?? "does not answer", $"see to its kind, its address ({options.RegistrySources.GetValueOrDefault(registry.Name)}), its credentials, and the network between");
            return answer.ClockSkew is { } skew && skew.Duration() > MostSkew ? [finding, Clock(registry.Name, skew)] : [finding];
        }
        catch (ConfigurationException e)
        {
            return [Finding.Fail(check, e.Message, "correct it where it stands")];
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    private static Finding Clock(string registry, TimeSpan skew)
    {
        var (far, way) = (Duration.Format(skew.Duration()), skew > TimeSpan.Zero ? "ahead of" : "behind");
        return Finding.Warn($"clock {registry}", $"its server's clock is {far} {way} ours", "signed addresses may be refused: see to NTP on both");
    }
}
