using System.Globalization;
using ModelFs.Registries;

namespace ModelFs.Configuration;

/// <param name="Value">As a file may have it, secrets masked; null where it is not set and has no default.</param>
/// <param name="Source">File and line, variable, flag, or <c>default</c>.</param>
internal sealed record EffectiveSetting(string Key, string? Value, string Source);

/// <summary>Every setting with the value that counts, and where that came from.</summary>
/// <remarks>A setting's value is the property of the options that has its key's name.</remarks>
internal static class EffectiveSettings
{
    public const string Default = "default";

    /// <summary>What MLflow's client reads besides; none of it is ours to set.</summary>
    private static readonly string[] ClientVariables =
    [
        "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN", "MLFLOW_TRACKING_INSECURE_TLS",
        "MLFLOW_TRACKING_SERVER_CERT_PATH", "MLFLOW_TRACKING_CLIENT_CERT_PATH", "MLFLOW_WORKSPACE",
    ];

    /// <summary>All variables of MLflow's client that are read.</summary>
    public static IReadOnlyList<string> MlflowVariables { get; } = ["MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI", .. ClientVariables];

    public static IReadOnlyList<EffectiveSetting> Of(ConfigurationInput input)
    {
        var (draft, _) = ConfigurationReader.ReadLayers(input);
        var options = draft.Build(ConfigurationReader.Defaults(input));
        var settings = Setting.All.Select(s => Show(s.Key, Value(options, s.Key), draft.SourceOf(s))).ToList();
        foreach (var registry in options.Registries)
        {
            settings.AddRange(RegistrySetting.All.Select(
                s => Show($"registries.{registry.Name}.{s.Key}", Value(registry, s.Key), draft.SourceOf(registry.Name, s))));
        }

        settings.AddRange(ClientVariables.Where(name => input.Variable(name) is not null).Select(name => Show(name, input.Variable(name), name)));
        return settings;
    }

    private static EffectiveSetting Show(string key, object? value, string? source) =>
        new(key, Text(value) is { } text ? Secret.Masked(key, text) : null, source ?? Default);

    private static object? Value<T>(T options, string key) =>
        typeof(T).GetProperty(char.ToUpperInvariant(key[0]) + key[1..])?.GetValue(options);

    private static string? Text(object? value) => value switch
    {
        null => null,
        string text => text,
        bool flag => flag ? "true" : "false",
        long bytes => ByteSize.Exact(bytes),
        TimeSpan time => Duration.Exact(time),
        Enum choice => choice.ToString().ToLowerInvariant(),
        IEnumerable<string> list => string.Join(", ", list) is { Length: > 0 } joined ? joined : null,
        IFormattable number => number.ToString(null, CultureInfo.InvariantCulture),
        _ => value.ToString(),
    };
}
