using System.Text.RegularExpressions;
using ModelFs.Configuration;
using ModelFs.Tests.Harness;
using YamlDotNet.RepresentationModel;

namespace ModelFs.Tests.Deployment;

/// <summary>The rules of <c>daemonset.yaml</c> and <c>deploy/</c> that no schema knows.</summary>
public sealed partial class ManifestTests
{
    private const string DaemonSet = "daemonset.yaml";
    private const string Pod = "deploy/pod.yaml";
    private const string Compose = "deploy/compose.yaml";

    private static YamlNode Template => Shipped.Kind(DaemonSet, "DaemonSet").At("spec", "template")!;

    private static YamlNode Daemon => Template.At("spec", "containers", "0")!;

    [Fact]
    public void The_arguments_and_the_configuration_of_the_daemonset_bind_to_real_settings()
    {
        var (options, mountPoint) = MountOfDaemonSet();
        Assert.Equal("/var/lib/modelfs/mnt", mountPoint);
        Assert.Equal("MLFLOW", Assert.Single(options.Registries).Name);
        Assert.True(options.Links && options.AllowOther);
        Assert.Equal(LogFormat.Json, options.LogFormat);
    }

    [Fact]
    public void The_selector_is_the_labels_and_the_namespace_is_declared()
    {
        var set = Shipped.Kind(DaemonSet, "DaemonSet");
        Assert.Equal(set.At("spec", "selector", "matchLabels"), Template.At("metadata", "labels"));
        Assert.Equal(Template.At("metadata", "labels"), Shipped.Kind(DaemonSet, "NetworkPolicy").At("spec", "podSelector", "matchLabels"));
        Assert.All(Shipped.Documents(DaemonSet).Where(d => d.Text("kind") != "Namespace"), d => Assert.Equal("modelfs", d.Text("metadata", "namespace")));
        Assert.Equal("modelfs", Shipped.Kind(DaemonSet, "Namespace").Text("metadata", "name"));
        Assert.Equal(Shipped.Kind(DaemonSet, "ServiceAccount").Text("metadata", "name"), Template.Text("spec", "serviceAccountName"));
    }

    [Fact]
    public void The_mount_is_published_by_a_privileged_container_and_nothing_is_written_beside_it()
    {
        var mounts = Daemon.Items("volumeMounts").ToList();
        var published = Assert.Single(mounts, m => m.Text("mountPropagation") == "Bidirectional");
        Assert.Equal("true", Daemon.Text("securityContext", "privileged"));
        Assert.Equal("true", Daemon.Text("securityContext", "readOnlyRootFilesystem"));
        Assert.Equal("privileged", Shipped.Kind(DaemonSet, "Namespace").Text("metadata", "labels", "pod-security.kubernetes.io/enforce"));

        var (options, mountPoint) = MountOfDaemonSet();
        Assert.Equal(published.Text("mountPath"), Path.GetDirectoryName(mountPoint));
        Assert.Contains(mounts, m => m.Text("mountPath") == options.Cache);
        var (root, cache) = (HostPath(published.Text("name")), HostPath(mounts.Single(m => m.Text("mountPath") == options.Cache).Text("name")));
        Assert.False((cache + "/").StartsWith(root + "/", StringComparison.Ordinal), "consumers would see the cache");
        Assert.All(mounts, m => Assert.Contains(Template.Items("spec", "volumes"), v => v.Text("name") == m.Text("name")));
    }

    [Fact]
    public void Probes_ask_a_port_and_paths_that_the_program_has()
    {
        var (options, _) = MountOfDaemonSet();
        var port = Assert.Single(Daemon.Items("ports"));
        Assert.Equal($"{options.Metrics!.Port}", port.Text("containerPort"));
        foreach (var (probe, path) in new[] { ("startupProbe", "started"), ("readinessProbe", "ready"), ("livenessProbe", "live") })
        {
            Assert.Equal(port.Text("name"), Daemon.Text(probe, "httpGet", "port"));
            Assert.Equal("/healthz/" + path, Daemon.Text(probe, "httpGet", "path"));
            Assert.True(int.Parse(Daemon.Text(probe, "timeoutSeconds"), System.Globalization.CultureInfo.InvariantCulture) >= 2, "answers take up to a second");
        }

        Assert.Contains(Shipped.Kind(DaemonSet, "NetworkPolicy").Items("spec", "ingress", "0", "ports"), p => p.Text("port") == port.Text("name"));
        var expose = ExposeLine().Match(Shipped.Text("Dockerfile")).Groups[1].Value;
        Assert.Equal(port.Text("containerPort"), expose);
    }

    [Fact]
    public void Without_a_keeper_only_who_drains_a_node_restarts_its_daemon()
    {
        Assert.Equal("OnDelete", Shipped.Kind(DaemonSet, "DaemonSet").Text("spec", "updateStrategy", "type"));
        Assert.DoesNotContain("keeper", Shipped.Text(DaemonSet), StringComparison.OrdinalIgnoreCase);
        Assert.Equal("false", Template.Text("spec", "enableServiceLinks"));
        Assert.Equal("false", Template.Text("spec", "automountServiceAccountToken"));
    }

    [Fact]
    public void A_consumer_binds_the_parent_of_the_mount_read_only_and_sees_later_mounts()
    {
        var (options, mountPoint) = MountOfDaemonSet();
        var pod = Shipped.Kind(Pod, "Pod");
        var volume = Assert.Single(pod.Items("spec", "volumes"));
        Assert.Equal((Path.GetDirectoryName(mountPoint), "Directory"), (volume.Text("hostPath", "path"), volume.Text("hostPath", "type")));
        foreach (var container in pod.Items("spec", "containers").Concat(pod.Items("spec", "initContainers")))
        {
            var mount = Assert.Single(container.Items("volumeMounts"));
            Assert.Equal((volume.Text("name"), "true", "HostToContainer"), (mount.Text("name"), mount.Text("readOnly"), mount.Text("mountPropagation")));
            Assert.Equal("", mount.Text("subPath"));
            Assert.Contains($"{mount.Text("mountPath")}/{options.Registries[0].Name}/", string.Join(' ', container.Texts("command")), StringComparison.Ordinal);
        }
    }

    [Fact]
    public void The_training_server_mounts_with_the_least_that_works_and_its_readers_heal()
    {
        var compose = Shipped.Documents(Compose)[0];
        var daemon = compose.At("services", "modelfs")!;
        var environment = ((YamlMappingNode)daemon.At("environment")!).Children.ToDictionary(v => ((YamlScalarNode)v.Key).Value!, v => ((YamlScalarNode)v.Value).Value!);
        var (options, mountPoint) = Shipped.Mount([.. daemon.Texts("command")], environment);
        Assert.Equal("MLFLOW", Assert.Single(options.Registries).Name);
        Assert.True(options.Links);
        Assert.Equal(["SYS_ADMIN"], daemon.Texts("cap_add"));
        Assert.Contains("/dev/fuse", daemon.Texts("devices"));
        Assert.Contains(daemon.Texts("ports"), p => p.EndsWith($":{options.Metrics!.Port}", StringComparison.Ordinal));

        var published = daemon.Items("volumes").Single(v => v.Text("bind", "propagation") == "rshared");
        Assert.Equal(Path.GetDirectoryName(mountPoint), published.Text("target"));
        Assert.Contains(daemon.Items("volumes"), v => v.Text("target") == options.Cache);
        var reader = compose.At("services", "notebook", "volumes", "0")!;
        Assert.Equal((published.Text("source"), "true", "rslave"), (reader.Text("source"), reader.Text("read_only"), reader.Text("bind", "propagation")));
    }

    [Fact]
    public void The_unit_starts_what_the_command_line_takes()
    {
        var unit = Shipped.Text("deploy/modelfs.service");
        var start = Regex.Match(unit, "(?m)^ExecStart=(.+)$").Groups[1].Value.Split(' ');
        var (options, mountPoint) = Shipped.Mount(start[1..], files: new Dictionary<string, string> { ["/etc/modelfs/config.yaml"] = "" });
        Assert.Equal("/srv/models", mountPoint);
        Assert.Equal("/var/cache/" + Regex.Match(unit, "(?m)^CacheDirectory=(.+)$").Groups[1].Value, options.Cache);
        Assert.Equal(Regex.Match(Shipped.Text("Dockerfile"), "ENTRYPOINT \\[\"(.+)\"\\]").Groups[1].Value, start[0]);
        // A private mount namespace would keep the mount from everybody else.
        Assert.DoesNotMatch("(?m)^(Private|Protect|MountFlags|ReadOnlyPaths)", unit);
    }

    [Fact]
    public void The_image_has_one_name_and_version_everywhere_and_none_is_latest()
    {
        var images = Shipped.Documents(DaemonSet).Concat(Shipped.Documents(Pod)).Concat(Shipped.Documents(Compose))
            .SelectMany(d => d.AllNodes).OfType<YamlMappingNode>().Select(n => n.Text("image")).Where(i => i.Length > 0).ToList();
        Assert.All(images, image => Assert.Matches(@"^[^:]+:[0-9][0-9.]*$", image));
        var version = typeof(Setting).Assembly.GetName().Version!.ToString(3);
        Assert.Equal([$"registry.example/modelfs:{version}"], images.Where(i => i.Contains("modelfs", StringComparison.Ordinal)).Distinct());
        Assert.DoesNotMatch(@"(?m)^FROM [^:\s]+(:latest)?( |$)", Shipped.Text("Dockerfile"));
    }

    [Fact]
    public void The_image_mounts_where_the_manifests_say()
    {
        var command = Regex.Match(Shipped.Text("Dockerfile"), @"(?m)^CMD \[(.+)\]$").Groups[1].Value.Split(", ").Select(a => a.Trim('"')).ToList();
        var (options, mountPoint) = Shipped.Mount(command);
        var (deployed, where) = MountOfDaemonSet();
        Assert.Equal((where, deployed.Cache, deployed.Links, deployed.Metrics), (mountPoint, options.Cache, options.Links, options.Metrics));
    }

    private static (ModelFsOptions Options, string MountPoint) MountOfDaemonSet()
    {
        var volume = Daemon.Items("volumeMounts").Single(m => m.Text("name") == "config").Text("mountPath");
        var data = (YamlMappingNode)Shipped.Kind(DaemonSet, "ConfigMap").At("data")!;
        var files = data.Children.ToDictionary(f => $"{volume}/{((YamlScalarNode)f.Key).Value}", f => ((YamlScalarNode)f.Value).Value!);
        return Shipped.Mount([.. Daemon.Texts("args")], files: files);
    }

    private static string HostPath(string volume) => Template.Items("spec", "volumes").Single(v => v.Text("name") == volume).Text("hostPath", "path");

    [GeneratedRegex(@"(?m)^EXPOSE (\d+)$")]
    private static partial Regex ExposeLine();
}
