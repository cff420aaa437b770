using System.Collections;
using System.CommandLine;
using ModelFs.Configuration;

namespace ModelFs.Commands;

/// <summary>The flags that are settings. Each verb has its own copy, and only those that mean something to it are shown in its help.</summary>
internal sealed class SettingOptions
{
    private readonly Option<string?> config = new("--config") { HelpName = "FILE", Description = "Configuration file, YAML or JSON (MODELFS_CONFIG)." };

    private readonly Option<string[]> registry = new("--registry")
    {
        HelpName = "NAME=KIND:URI",
        Description = "A registry, such as MLFLOW=mlflow:http://127.0.0.1:5000, MLFLOW=mlflow:sqlite:////srv/mlflow.db or MLFLOW=mlflow:./mlruns; may be repeated.",
    };

    private readonly List<(Setting Setting, Option<string?> Option)> settings = [];

    /// <param name="shown">Keys of the settings that the verb's help names; the others are taken too.</param>
    public SettingOptions(Command command, params ReadOnlySpan<string> shown)
    {
        command.Options.Add(registry);
        foreach (var setting in Setting.All)
        {
            var hidden = !shown.Contains(setting.Key);
            var option = new Option<string?>(setting.Flag) { HelpName = setting.Argument, Description = setting.Help, Hidden = hidden };
            settings.Add((setting, option));
            command.Options.Add(option);
        }

        command.Options.Add(config);
    }

    /// <exception cref="ConfigurationException">A setting is wrong.</exception>
    public (ModelFsOptions Options, IReadOnlyList<string> Warnings) Read(ParseResult parsed) => ConfigurationReader.Read(Input(parsed));

    public ConfigurationInput Input(ParseResult parsed)
    {
        var flags = new List<(Setting, string)>();
        foreach (var (setting, option) in settings)
            if (parsed.GetValue(option) is { } value)
                flags.Add((setting, value));
        var environment = Environment.GetEnvironmentVariables().Cast<DictionaryEntry>().ToDictionary(e => (string)e.Key, e => (string?)e.Value ?? "");
        var directory = Directory.GetCurrentDirectory();
        return new ConfigurationInput(environment, directory, parsed.GetValue(config), flags, parsed.GetValue(registry));
    }
}
