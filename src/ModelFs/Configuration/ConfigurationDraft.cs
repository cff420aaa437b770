using ModelFs.Registries;

namespace ModelFs.Configuration;

/// <summary>What the layers said so far: a later one wins, setting by setting, and each remembers where it stood.</summary>
internal sealed class ConfigurationDraft
{
    /// <summary>Between the end of a call and that of the request that waits for it, where nothing else is said: enough to hand over the reason.</summary>
    private static readonly TimeSpan MostMargin = TimeSpan.FromSeconds(5);

    private readonly Dictionary<Setting, (string Value, string Source)> settings = [];
    private readonly List<(string Name, string Source)> registries = [];
    private readonly Dictionary<(string Name, RegistrySetting Setting), (IReadOnlyList<string> Values, string Source)> registrySettings = [];

    public bool HasRegistries => registries.Count > 0;

    public void Set(Setting setting, string value, string source) => settings[setting] = (value, source);

    public void Set(string registry, RegistrySetting setting, IReadOnlyList<string> values, string source) =>
        registrySettings[(registry, setting)] = (values, source);

    /// <summary>A registry of this name exists; its settings follow.</summary>
    public void Declare(string name, string source)
    {
        Check(() => RegistrySetting.CheckName(name), "registries", name, source);
        if (!registries.Exists(r => r.Name == name))
            registries.Add((name, source));
    }

    /// <summary>A registry as a variable or a flag gives it: kind and URI in one.</summary>
    public void Declare(string name, string kindAndUri, string source)
    {
        Declare(name, source);
        Check(() =>
        {
            var (kind, uri) = RegistrySetting.Split(kindAndUri);
            Set(name, RegistrySetting.All.First(s => s.Key == "kind"), [kind], source);
            Set(name, RegistrySetting.All.First(s => s.Key == "uri"), [uri], source);
        }, $"registry {name}", Secret.Masked("", kindAndUri), source);
    }

    /// <summary>Where a setting was given; null where nowhere.</summary>
    public string? SourceOf(Setting setting) => settings.TryGetValue(setting, out var set) ? set.Source : null;

    public string? SourceOf(string registry, RegistrySetting setting) => registrySettings.TryGetValue((registry, setting), out var set) ? set.Source : null;

    public ModelFsOptions Build(ModelFsOptions defaults)
    {
        var options = defaults;
        foreach (var (setting, (value, source)) in settings)
            Check(() => options = setting.Apply(options, value), setting.Key, value, source);
        options = options with
        {
            Registries = [.. registries.Select(r => Build(r.Name, r.Source, options.RequestDeadline))],
            RegistrySources = registrySettings.Where(s => s.Key.Setting.Key == "uri").ToDictionary(s => s.Key.Name, s => s.Value.Source),
        };
        foreach (var registry in options.Registries)
            CheckTimes(registry, options.RequestDeadline);
        return options;
    }

    /// <summary>A registry that outlasts the request which waits for it would be cut off with no word of its own.</summary>
    private void CheckTimes(RegistryOptions registry, TimeSpan deadline)
    {
        if (registry.TotalTimeout < deadline)
            return;
        var own = registrySettings.FirstOrDefault(s => s.Key.Name == registry.Name && s.Key.Setting.Key == "totalTimeout").Value.Source;
        var source = own ?? settings.FirstOrDefault(s => s.Key.Key == "requestDeadline").Value.Source;
        var (total, most) = (Duration.Format(registry.TotalTimeout), Duration.Format(deadline));
        throw new ConfigurationException($"registries.{registry.Name}.totalTimeout: {total} must be less than requestDeadline, {most} ({source})");
    }

    private RegistryOptions Build(string name, string source, TimeSpan deadline)
    {
        var margin = deadline / 4 < MostMargin ? deadline / 4 : MostMargin;
        var options = new RegistryOptions { Name = name, Kind = "", Uri = "", TotalTimeout = deadline - margin };
        foreach (var ((registry, setting), (values, from)) in registrySettings)
            if (registry == name)
                Check(() => options = setting.Apply(options, values), $"registries.{name}.{setting.Key}", Secret.Masked(setting.Key, string.Join(", ", values)), from);
        if (options.Kind.Length == 0)
            throw new ConfigurationException($"registries.{name}: kind is missing ({source}); there is {string.Join(", ", RegistrySetting.Kinds)}");
        if (options.Uri.Length == 0)
            throw new ConfigurationException($"registries.{name}: uri is missing ({source}), such as http://127.0.0.1:5000 or sqlite:////srv/mlflow.db");
        return options;
    }

    private static void Check(Action apply, string key, string value, string source)
    {
        try
        {
            apply();
        }
        catch (FormatException e)
        {
            throw new ConfigurationException($"{key}: '{value}' {e.Message} ({source})");
        }
    }
}
