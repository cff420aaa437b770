using ModelFs.Configuration;
using ModelFs.Registries;
using ModelFs.Tests.Harness;
using YamlDotNet.RepresentationModel;

namespace ModelFs.Tests.Configuration;

public sealed class ConsumerEnvironmentTests
{
    private static readonly ModelFsOptions Options = new()
    {
        Cache = "/var/cache/it's",
        Registries =
        [
            new RegistryOptions { Name = "MLFLOW", Kind = "mlflow", Uri = "https://ada:s3cret@host/path?token=s3cret" },
            new RegistryOptions { Name = "team-a", Kind = "mlflow", Uri = "http://127.0.0.1:5000" },
        ],
    };

    private readonly ConsumerEnvironment environment = new(Options, "/srv/my models/mnt");

    [Fact]
    public async Task A_shell_takes_the_exports()
    {
        var file = Path.GetTempFileName();
        try
        {
            await File.WriteAllTextAsync(file, environment.Shell());
            var result = await Shell.RunAsync($"set -e; . '{file}'; printf '%s\\n' \"$MODELS_MLFLOW\" \"$MODELS_TEAM_A\" \"$MODELFS_CACHE\" \"$MODELFS_REGISTRY_MLFLOW\"");
            Assert.Equal(["/srv/my models/mnt/MLFLOW", "/srv/my models/mnt/team-a", "/var/cache/it's", "mlflow:https://host/path"], result.Lines);
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Fact]
    public void A_pod_binds_the_parent_read_only_and_sees_what_is_mounted_in_it_later()
    {
        var pod = Yaml(environment.Kubernetes());
        Assert.Equal(["MODELS_MLFLOW=/models/mnt/MLFLOW", "MODELS_TEAM_A=/models/mnt/team-a"], Items(pod, "env").Select(e => $"{e["name"]}={e["value"]}"));
        var mount = Items(pod, "volumeMounts").Single();
        Assert.Equal(("/models", "true", "HostToContainer"), ($"{mount["mountPath"]}", $"{mount["readOnly"]}", $"{mount["mountPropagation"]}"));
        var volume = Items(pod, "volumes").Single();
        Assert.Equal(($"{mount["name"]}", "/srv/my models"), ($"{volume["name"]}", $"{volume["hostPath"]["path"]}"));
    }

    [Fact]
    public void Where_links_stand_beside_the_mount_a_container_reads_through_them() =>
        Assert.Contains("ENV MODELS_MLFLOW=\"/models/MLFLOW\"\n", new ConsumerEnvironment(Options with { Links = true }, "/srv/mnt").Dockerfile(), StringComparison.Ordinal);

    [Fact]
    public void A_composed_service_binds_the_parent_read_only_and_sees_what_is_mounted_in_it_later()
    {
        var service = (YamlMappingNode)Yaml(environment.Compose())["services"]["app"];
        Assert.Equal("/models/mnt/team-a", $"{service["environment"]["MODELS_TEAM_A"]}");
        var volume = Items(service, "volumes").Single();
        Assert.Equal(("bind", "/srv/my models", "/models"), ($"{volume["type"]}", $"{volume["source"]}", $"{volume["target"]}"));
        Assert.Equal(("true", "rslave"), ($"{volume["read_only"]}", $"{volume["bind"]["propagation"]}"));
    }

    [Fact]
    public void A_Dockerfile_gets_the_paths() =>
        Assert.EndsWith("ENV MODELS_MLFLOW=\"/models/mnt/MLFLOW\"\nENV MODELS_TEAM_A=\"/models/mnt/team-a\"\n", environment.Dockerfile(), StringComparison.Ordinal);

    [Fact]
    public void No_form_holds_a_secret() =>
        Assert.All([environment.Shell(), environment.Kubernetes(), environment.Compose(), environment.Dockerfile()], text =>
        {
            Assert.DoesNotContain("s3cret", text, StringComparison.Ordinal);
            Assert.DoesNotContain("ada", text, StringComparison.Ordinal);
        });

    private static YamlMappingNode Yaml(string text)
    {
        var yaml = new YamlStream();
        yaml.Load(new StringReader(text));
        return (YamlMappingNode)yaml.Documents[0].RootNode;
    }

    private static IEnumerable<YamlNode> Items(YamlMappingNode node, string key) => (YamlSequenceNode)node[key];
}
