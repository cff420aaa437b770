using System.Collections.ObjectModel;
using System.Text;

namespace ModelFs.Registries.Mlflow;

/// <summary>What MLflow says of models and versions, checked and turned into ours. The same rules for a server and a local store.</summary>
internal static class MlflowRecords
{
    public const string PromptTag = "mlflow.prompt.is_prompt";
    public const string PromptSource = "dummy-source";
    public const string Latest = "latest";
    public const string DeletedStage = "Deleted_Internal";

    // MLflow allows 256 characters; a server may be more generous, and a hostile one must not be.
    private const int MaxNameLength = 4096;

    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Whether a version can be read. Prompts are registered like models, have no files, and are none.</summary>
    public static bool IsReadable(string? status, string? stage, string? source) =>
        status is null or "" or "READY" && stage != DeletedStage && source != PromptSource;

    /// <summary>MLflow numbers versions from 1; a number is no alias and an alias is no number.</summary>
    public static bool IsVersionNumber(string version) =>
        version.Length is > 0 and <= 18 && version[0] != '0' && version.All(char.IsAsciiDigit);

    public static bool IsPrompt(RegisteredModelJson model) =>
        model.Tags?.Any(tag => tag is { Key: PromptTag } && string.Equals(tag.Value, "true", StringComparison.OrdinalIgnoreCase)) == true;

    /// <returns>Null and what is wrong, or the model.</returns>
    public static Model? ToModel(RegisteredModelJson? json, out string fault)
    {
        if (json?.Name is not { } name || !IsName(name)) return Fault("it names a model that has no usable name", out fault);
        if (!TryTime(json.CreationTimestamp, out var created) || !TryTime(json.LastUpdatedTimestamp, out var updated))
            return Fault($"model {Shown.Quoted(name)} has a time that is none", out fault);
        // Most have none, and a large registry's are all kept.
        SortedDictionary<string, string>? aliases = null;
        foreach (var alias in json.Aliases ?? [])
        {
            if (alias?.Alias is not { } word || !IsName(word) || alias.Version is not { } version || !IsVersionNumber(version))
                return Fault($"model {Shown.Quoted(name)} has an alias that makes no sense", out fault);
            if (word != Latest) (aliases ??= new(StringComparer.Ordinal))[word] = version;
        }

        fault = "";
        return new Model(name, created, updated, aliases ?? (IReadOnlyDictionary<string, string>)ReadOnlyDictionary<string, string>.Empty);
    }

    /// <returns>Null and what is wrong, or the version, which may still be one that cannot be read.</returns>
    public static ModelVersion? ToVersion(ModelVersionJson? json, out string fault)
    {
        if (json?.Name is not { } name || !IsName(name) || json.Version is not { } version || !IsVersionNumber(version))
        {
            fault = "it names a version that has no usable name or number";
            return null;
        }

        if (!TryTime(json.CreationTimestamp, out var created))
        {
            fault = $"version {version} of model {Shown.Quoted(name)} has a time that is none";
            return null;
        }

        fault = "";
        return new ModelVersion(name, version, created, ContentUri: "", string.IsNullOrEmpty(json.RunId) ? null : json.RunId);
    }

    public static bool TryTime(long milliseconds, out DateTimeOffset time)
    {
        var ok = milliseconds >= 0 && milliseconds <= DateTimeOffset.MaxValue.ToUnixTimeMilliseconds();
        time = ok ? DateTimeOffset.FromUnixTimeMilliseconds(milliseconds) : default;
        return ok;
    }

    public static bool IsName(string name)
    {
        if (name.Length is 0 or > MaxNameLength || name.Contains('\0', StringComparison.Ordinal)) return false;
        try
        {
            return Strict.GetByteCount(name) > 0;
        }
        catch (EncoderFallbackException)
        {
            return false;
        }
    }

    private static Model? Fault(string text, out string fault)
    {
        fault = text;
        return null;
    }
}
