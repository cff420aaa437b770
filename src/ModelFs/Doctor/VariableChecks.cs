using System.Text.RegularExpressions;
using ModelFs.Configuration;
using ModelFs.Vfs.Names;

namespace ModelFs.Doctor;

/// <summary>Variables that look like settings and are none.</summary>
internal static partial class VariableChecks
{
    public static IEnumerable<Finding> Run(ConfigurationInput input)
    {
        foreach (var name in input.Environment.Keys.Order(StringComparer.Ordinal))
        {
            if (ConfigurationReader.IsIgnored(name))
            {
                var nearest = ConfigurationReader.NearestSetting(name);
                yield return ServiceVariable().IsMatch(name)
                    ? Finding.Warn(name, "Kubernetes describes a service of the name modelfs", "enableServiceLinks: false in the pod keeps such variables out")
                    : Finding.Warn(name, "is no setting, and is ignored", nearest is null ? "unset it; modelfs mount --help names the settings" : $"{nearest} is one");
            }
            else if (name.StartsWith("MLFLOW_", StringComparison.Ordinal) && !EffectiveSettings.MlflowVariables.Contains(name)
                && NearestNames.Meant(name, EffectiveSettings.MlflowVariables) is { } meant)
            {
                // MLflow has dozens of others, which are none of our business.
                yield return Finding.Warn(name, "is nearly one that is read, and is not", $"{meant} is one");
            }
        }
    }

    /// <summary>What Kubernetes makes of a Service called modelfs, or modelfs-something.</summary>
    [GeneratedRegex(@"^MODELFS_(\w+_)?(PORT(_\d+_\w+)?|SERVICE_HOST|SERVICE_PORT(_\w+)?)$")]
    private static partial Regex ServiceVariable();
}
