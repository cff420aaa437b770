using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace ModelFs.Configuration;

/// <summary>What a consumer of the mount sets: the registries' directories, and how a container gets to see them.</summary>
/// <remarks>
/// A container binds the parent of the mount: a mount that a restarted daemon makes anew then shows up in it, where one that was bound
/// itself would stay dead. Nothing here is a secret: the daemon has those, and its readers need none.
/// </remarks>
internal sealed class ConsumerEnvironment(ModelFsOptions options, string mountPoint)
{
    /// <summary>Where a container has the parent of the mount.</summary>
    private const string Inside = "/models";

    private readonly string parent = Path.GetDirectoryName(mountPoint) ?? "/";

    public string Shell()
    {
        var text = new StringBuilder("# For whatever reads models:\n");
        foreach (var registry in options.Registries)
            text.Append($"export {Variable(registry.Name)}={Quoted($"{mountPoint}/{registry.Name}")}\n");
        text.Append("# For modelfs itself:\n");
        text.Append($"export {Setting.All.First(s => s.Key == "cache").Variable}={Quoted(options.Cache)}\n");
        foreach (var registry in options.Registries)
        {
            var value = $"{registry.Kind}:{Secret.Removed(registry.Uri)}";
            if (value != $"{registry.Kind}:{registry.Uri}")
                text.Append("# Without its user or query, which may be secret:\n");
            text.Append(registry.Name.All(c => char.IsAsciiLetterOrDigit(c) || c == '_')
                ? $"export {Setting.VariablePrefix}REGISTRY_{registry.Name}={Quoted(value)}\n"
                : $"# {registry.Name} can be no variable's name: --registry {Quoted($"{registry.Name}={value}")}\n");
        }

        return text.ToString();
    }

    public string Kubernetes() => $"""
        # In the container:
        env:
        {Lines(options.Registries.Select(r => $"  - name: {Variable(r.Name)}\n    value: {Yaml(InsidePath(r.Name))}"))}
        volumeMounts:
          - name: models
            mountPath: {Inside}
            readOnly: true
            mountPropagation: HostToContainer
        # In the pod:
        volumes:
          - name: models
            hostPath:
              path: {Yaml(parent)}
              type: Directory

        """;

    public string Compose() => $"""
        services:
          app:
            environment:
        {Lines(options.Registries.Select(r => $"      {Variable(r.Name)}: {Yaml(InsidePath(r.Name))}"))}
            volumes:
              - type: bind
                source: {Yaml(parent)}
                target: {Inside}
                read_only: true
                bind:
                  propagation: rslave
                  create_host_path: false

        """;

    public string Dockerfile() => $"""
        # docker run --mount {Quoted($"type=bind,source={parent},target={Inside},readonly,bind-propagation=rslave")}
        {Lines(options.Registries.Select(r => $"ENV {Variable(r.Name)}={Yaml(InsidePath(r.Name))}"))}

        """;

    /// <summary>Through the link beside the mount where there is one.</summary>
    private string InsidePath(string registry) => options.Links ? $"{Inside}/{registry}" : $"{Inside}/{Path.GetFileName(mountPoint)}/{registry}";

    private static string Lines(IEnumerable<string> lines) => string.Join('\n', lines);

    /// <summary>No prefix of ours: what begins with <c>MODELFS_</c> is a setting.</summary>
    private static string Variable(string registry) =>
        "MODELS_" + string.Concat(registry.Select(c => char.IsAsciiLetterOrDigit(c) ? char.ToUpperInvariant(c) : '_'));

    private static string Quoted(string value) => "'" + value.Replace("'", "'\\''", StringComparison.Ordinal) + "'";

    /// <summary>A JSON string is a YAML one, and what a Dockerfile takes.</summary>
    private static string Yaml(string value) => JsonSerializer.Serialize(value, new JsonSerializerOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
}
