using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace ModelFs.Configuration;

/// <summary>Reads the configuration file. JSON is YAML, so it may be either.</summary>
internal static class YamlLayer
{
    /// <param name="givenBy">The flag or variable that names the file.</param>
    public static void Read(string file, string givenBy, ConfigurationDraft draft)
    {
        // Opening one is refused with the words of a missing permission.
        if (Directory.Exists(file))
            throw new ConfigurationException($"{givenBy}: {file} is a directory; it takes a file, YAML or JSON");
        YamlMappingNode root;
        try
        {
            using var reader = new StreamReader(file);
            var yaml = new YamlStream();
            yaml.Load(reader);
            if (yaml.Documents.Count == 0)
                return;
            root = yaml.Documents[0].RootNode as YamlMappingNode
                ?? throw new ConfigurationException($"{file}:1: the configuration is a mapping of settings, and this is none");
        }
        catch (YamlException e)
        {
            throw new ConfigurationException($"{file}:{e.Start.Line}: not YAML: {(e.InnerException ?? e).Message}");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ConfigurationException($"{givenBy}: {file} cannot be read: {IoReason.Of(e, file)}");
        }

        foreach (var (key, value) in root.Children)
        {
            var source = Source(file, key);
            if (Text(key) == "registries")
                ReadRegistries(file, value, draft);
            else if (Setting.All.FirstOrDefault(s => s.Key == Text(key)) is { } setting)
                draft.Set(setting, Value(setting, value, source), source);
            else
                throw Unknown(Text(key), source, Setting.All.Select(s => s.Key).Append("registries"));
        }
    }

    private static void ReadRegistries(string file, YamlNode node, ConfigurationDraft draft)
    {
        if (node is not YamlMappingNode registries)
            throw new ConfigurationException($"registries: is a mapping of names to their settings ({Source(file, node)})");
        foreach (var (name, value) in registries.Children)
        {
            var source = Source(file, name);
            if (value is not YamlMappingNode settings)
                throw new ConfigurationException($"registries.{Text(name)}: is a mapping with kind and uri ({source})");
            draft.Declare(Text(name), source);
            foreach (var (key, setting) in settings.Children)
                ReadRegistrySetting(Text(name), Text(key), setting, Source(file, key), draft);
        }
    }

    private static void ReadRegistrySetting(string name, string key, YamlNode value, string source, ConfigurationDraft draft)
    {
        var path = $"registries.{name}.{key}";
        var setting = RegistrySetting.All.FirstOrDefault(s => s.Key == key) ?? throw Unknown(path, source, RegistrySetting.All.Select(s => s.Key));
        IReadOnlyList<string> values = setting.IsList && value is YamlSequenceNode list
            ? [.. list.Children.Select(v => Scalar(path, v, source))]
            : [Scalar(path, value, source)];
        draft.Set(name, setting, values, source);
    }

    private static string Value(Setting setting, YamlNode node, string source) =>
        setting.IsList && node is YamlSequenceNode list
            ? string.Join('\n', list.Children.Select(item => Scalar(setting.Key, item, source)))
            : Scalar(setting.Key, node, source);

    private static string Scalar(string key, YamlNode node, string source) => node switch
    {
        YamlScalarNode { Value: { } value, Style: not ScalarStyle.Plain } => value,
        YamlScalarNode { Value: { } value } when value is not ("" or "~" or "null") => value,
        YamlScalarNode => throw new ConfigurationException($"{key}: has no value ({source})"),
        _ => throw new ConfigurationException($"{key}: is one value, not a {(node is YamlSequenceNode ? "list" : "mapping")} ({source})"),
    };

    private static string Text(YamlNode key) => (key as YamlScalarNode)?.Value ?? key.ToString();

    private static string Source(string file, YamlNode node) => $"{file}:{node.Start.Line}";

    private static ConfigurationException Unknown(string key, string source, IEnumerable<string> known) =>
        new($"{key}: there is no such setting ({source}); there is {string.Join(", ", known)}");
}
