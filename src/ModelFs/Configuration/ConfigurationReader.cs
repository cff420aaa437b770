using ModelFs.Vfs.Names;

namespace ModelFs.Configuration;

/// <summary>What configuration is made of: flags, the environment, and the directory that relative names start from.</summary>
/// <param name="Flags">Settings from the command line.</param>
/// <param name="Registries">Each <c>--registry NAME=KIND:URI</c>.</param>
internal sealed record ConfigurationInput(
    IReadOnlyDictionary<string, string> Environment,
    string WorkingDirectory,
    string? ConfigFlag = null,
    IReadOnlyList<(Setting Setting, string Value)>? Flags = null,
    IReadOnlyList<string>? Registries = null)
{
    /// <summary>Whether the process is root's, whose cache and mounts are the machine's.</summary>
    public bool IsRoot { get; init; } = System.Environment.IsPrivilegedProcess;

    public string? Variable(string name) => Environment.TryGetValue(name, out var value) && value.Length > 0 ? value : null;
}

/// <summary>The file, then the variables, then the flags; a later layer wins.</summary>
internal static class ConfigurationReader
{
    public const string ConfigFlag = "--config";

    public const string RegistryFlag = "--registry";

    public const string ConfigVariable = Setting.VariablePrefix + "CONFIG";

    private const string RegistryPrefix = Setting.VariablePrefix + "REGISTRY_";

    /// <exception cref="ConfigurationException">A setting is wrong.</exception>
    public static (ModelFsOptions Options, IReadOnlyList<string> Warnings) Read(ConfigurationInput input)
    {
        var (draft, warnings) = ReadLayers(input);
        return (draft.Build(Defaults(input)), warnings);
    }

    /// <summary>What each layer says, a later one over an earlier.</summary>
    public static (ConfigurationDraft Draft, IReadOnlyList<string> Warnings) ReadLayers(ConfigurationInput input)
    {
        var draft = new ConfigurationDraft();
        var warnings = new List<string>();
        if (input.ConfigFlag is { } file)
            YamlLayer.Read(file, ConfigFlag, draft);
        else if (input.Variable(ConfigVariable) is { } named)
            YamlLayer.Read(named, ConfigVariable, draft);
        ReadVariables(input, draft, warnings);
        foreach (var (setting, value) in input.Flags ?? [])
            draft.Set(setting, value, setting.Flag);
        var flagged = new HashSet<string>();
        foreach (var registry in input.Registries ?? [])
            ReadRegistryFlag(registry, flagged, draft);
        if (!draft.HasRegistries)
            DeclareWhatIsThere(input, draft);
        return (draft, warnings);
    }

    private static void ReadVariables(ConfigurationInput input, ConfigurationDraft draft, List<string> warnings)
    {
        foreach (var (name, value) in input.Environment.OrderBy(v => v.Key, StringComparer.Ordinal))
        {
            if (!name.StartsWith(Setting.VariablePrefix, StringComparison.Ordinal) || name == ConfigVariable || value.Length == 0)
                continue;
            if (Setting.All.FirstOrDefault(s => s.Variable == name) is { } setting)
                draft.Set(setting, value, name);
            else if (IsIgnored(name))
                warnings.Add($"the variable {name} is no setting of modelfs and is ignored" + (NearestSetting(name) is { } meant ? $"; {meant} is one" : ""));
            else if (!IsCredential(name))
                draft.Declare(name[RegistryPrefix.Length..], value, name);
        }
    }

    /// <summary>The variable that was meant by one that is none.</summary>
    public static string? NearestSetting(string name) => NearestNames.Meant(name, [.. Setting.All.Select(s => s.Variable), ConfigVariable]);

    /// <summary>It looks like a setting, and is none.</summary>
    public static bool IsIgnored(string name) =>
        name.StartsWith(Setting.VariablePrefix, StringComparison.Ordinal)
        && name != ConfigVariable
        && !Setting.All.Any(s => s.Variable == name)
        && !IsCredential(name)
        && (!name.StartsWith(RegistryPrefix, StringComparison.Ordinal) || IsInjected(name));

    /// <summary>Read by the registry whose name it ends in, and by nobody else.</summary>
    private static bool IsCredential(string name) =>
        name.AsSpan(Setting.VariablePrefix.Length) is var rest
        && (rest.StartsWith("TOKEN_") || rest.StartsWith("USERNAME_") || rest.StartsWith("PASSWORD_"));

    /// <summary>Kubernetes describes a service called <c>modelfs-registry</c> to its pods in variables that look like ours.</summary>
    private static bool IsInjected(string name) =>
        name is RegistryPrefix + "PORT" or RegistryPrefix + "SERVICE_HOST"
        || name.StartsWith(RegistryPrefix + "PORT_", StringComparison.Ordinal)
        || name.StartsWith(RegistryPrefix + "SERVICE_PORT", StringComparison.Ordinal);

    private static void ReadRegistryFlag(string value, HashSet<string> flagged, ConfigurationDraft draft)
    {
        var equals = value.IndexOf('=');
        if (equals <= 0)
            throw new ConfigurationException($"{RegistryFlag}: '{value}' is not NAME=KIND:URI, such as MLFLOW=mlflow:http://127.0.0.1:5000");
        if (!flagged.Add(value[..equals]))
            throw new ConfigurationException($"{RegistryFlag}: {value[..equals]} is given twice; each registry has a name of its own");
        draft.Declare(value[..equals], value[(equals + 1)..], RegistryFlag);
    }

    /// <summary>With nothing configured, what MLflow's own client would use: of two stores the older, as long as it has an experiment.</summary>
    private static void DeclareWhatIsThere(ConfigurationInput input, ConfigurationDraft draft)
    {
        var database = Path.Combine(input.WorkingDirectory, "mlflow.db");
        var files = Path.Combine(input.WorkingDirectory, "mlruns");
        // The registry may be another server than the one that tracks; it is the one whose models we mount.
        var variable = input.Variable("MLFLOW_REGISTRY_URI") is null ? "MLFLOW_TRACKING_URI" : "MLFLOW_REGISTRY_URI";
        if (input.Variable(variable) is { } uri)
            draft.Declare("MLFLOW", "mlflow:" + uri, variable);
        else if (HasExperiment(files))
            draft.Declare("MLFLOW", "mlflow:" + files, files);
        else if (File.Exists(database))
            draft.Declare("MLFLOW", "mlflow:sqlite:///" + database, database);
    }

    /// <summary>A client of a database puts artifacts into directories of the same names, but no <c>meta.yaml</c>.</summary>
    private static bool HasExperiment(string directory)
    {
        try
        {
            return Directory.Exists(directory) && Directory.EnumerateDirectories(directory)
                .Any(d => Path.GetFileName(d).All(char.IsAsciiDigit) && File.Exists(Path.Combine(d, "meta.yaml")));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    public static ModelFsOptions Defaults(ConfigurationInput input)
    {
        var home = input.Variable("XDG_CACHE_HOME") ?? (input.Variable("HOME") is { } h ? Path.Combine(h, ".cache") : null);
        var cache = input.IsRoot ? "/var/cache/modelfs" : Path.Combine(home ?? Path.Combine(Path.GetTempPath(), System.Environment.UserName), "modelfs");
        return new ModelFsOptions { Cache = cache, AllowOther = input.IsRoot };
    }
}
