using System.Runtime.CompilerServices;
using ModelFs.Commands;
using ModelFs.Configuration;
using YamlDotNet.RepresentationModel;

namespace ModelFs.Tests.Deployment;

/// <summary>The files that deploy the program, as they lie in the repository.</summary>
internal static class Shipped
{
    public static string Text(string file) => File.ReadAllText(Path.Combine(Root(), file));

    public static string Root([CallerFilePath] string here = "") => Path.GetFullPath(Path.Combine(Path.GetDirectoryName(here)!, "..", "..", ".."));

    public static IReadOnlyList<YamlNode> Documents(string file)
    {
        var yaml = new YamlStream();
        yaml.Load(new StringReader(Text(file)));
        return [.. yaml.Documents.Select(d => d.RootNode)];
    }

    public static YamlNode Kind(string file, string kind) => Documents(file).Single(d => d.Text("kind") == kind);

    /// <summary>A node by keys and indices, or null where there is none.</summary>
    public static YamlNode? At(this YamlNode node, params ReadOnlySpan<string> path)
    {
        YamlNode? found = node;
        foreach (var key in path)
            found = found switch
            {
                YamlMappingNode map => map.Children.TryGetValue(new YamlScalarNode(key), out var child) ? child : null,
                YamlSequenceNode list => list.Children[int.Parse(key, System.Globalization.CultureInfo.InvariantCulture)],
                _ => null,
            };
        return found;
    }

    public static string Text(this YamlNode node, params ReadOnlySpan<string> path) => (node.At(path) as YamlScalarNode)?.Value ?? "";

    public static IEnumerable<YamlNode> Items(this YamlNode node, params ReadOnlySpan<string> path) => (node.At(path) as YamlSequenceNode)?.Children ?? [];

    public static IEnumerable<string> Texts(this YamlNode node, params ReadOnlySpan<string> path) => node.Items(path).Select(i => ((YamlScalarNode)i).Value!);

    /// <summary>What the program makes of <c>modelfs mount …</c>: parsed by its command line, bound by its reader of configuration.</summary>
    /// <param name="files">Texts of the files that the container would have, by path.</param>
    public static (ModelFsOptions Options, string MountPoint) Mount(
        IReadOnlyList<string> arguments, IReadOnlyDictionary<string, string>? environment = null, IReadOnlyDictionary<string, string>? files = null)
    {
        Assert.Empty(CommandLine.Build().Parse(arguments).Errors);
        Assert.Equal("mount", arguments[0]);
        string? configuration = null;
        List<(Setting, string)> flags = [];
        List<string> registries = [];
        for (var i = 2; i < arguments.Count; i += 2)
        {
            if (arguments[i] == "--config")
                configuration = files![arguments[i + 1]];
            else if (arguments[i] == "--registry")
                registries.Add(arguments[i + 1]);
            else
                flags.Add((Assert.Single(Setting.All, s => s.Flag == arguments[i]), arguments[i + 1]));
        }

        var file = Path.GetTempFileName();
        try
        {
            File.WriteAllText(file, configuration ?? "");
            var input = new ConfigurationInput(environment ?? new Dictionary<string, string>(), "/", file, flags, registries) { IsRoot = true };
            var (options, warnings) = ConfigurationReader.Read(input);
            Assert.Empty(warnings);
            return (options, arguments[1]);
        }
        finally
        {
            File.Delete(file);
        }
    }
}
