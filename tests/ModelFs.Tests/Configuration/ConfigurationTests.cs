using Microsoft.Extensions.Logging;
using ModelFs.Configuration;
using ModelFs.Tests.Harness;

namespace ModelFs.Tests.Configuration;

public sealed class ConfigurationTests : IDisposable
{
    private const string Registry = "MLFLOW=mlflow:http://127.0.0.1:5000";

    private readonly Scratch scratch = new();
    private readonly Dictionary<string, string> environment = [];

    public void Dispose() => scratch.Dispose();

    [Fact]
    public void A_file_sets_everything_it_names()
    {
        var file = scratch.Write("modelfs.yaml", """
            cache: /srv/cache
            index: /srv/index
            cacheSize: 10GB
            minFree: 64MiB
            aliasTtl: 1m
            requestDeadline: 90s
            allowOther: false
            logFormat: json
            logLevel: debug
            registries:
              MLFLOW:
                kind: mlflow
                uri: sqlite:////srv/mlflow.db
                artifactsDestination: /srv/artifacts
                artifactRoots: [/srv/a, /srv/b]
                allowInternalAddresses: true
                attemptTimeout: 5s
                totalTimeout: 20s
                stallTimeout: 15s
            """);
        var options = Read(config: file);
        Assert.Equal("/srv/cache", options.Cache);
        Assert.Equal("/srv/index", options.Index);
        Assert.Equal(10_000_000_000, options.CacheSize);
        Assert.Equal(64 << 20, options.MinFree);
        Assert.Equal(TimeSpan.FromMinutes(1), options.AliasTtl);
        Assert.Equal(TimeSpan.FromSeconds(90), options.RequestDeadline);
        Assert.False(options.AllowOther);
        Assert.Equal(LogFormat.Json, options.LogFormat);
        Assert.Equal(LogLevel.Debug, options.LogLevel);
        var registry = Assert.Single(options.Registries);
        Assert.Equal(("MLFLOW", "mlflow", "sqlite:////srv/mlflow.db", "/srv/artifacts"), (registry.Name, registry.Kind, registry.Uri, registry.ArtifactsDestination));
        Assert.Equal(["/srv/a", "/srv/b"], registry.ArtifactRoots);
        Assert.True(registry.AllowInternalAddresses);
        Assert.Equal((5d, 20d, 15d), (registry.AttemptTimeout.TotalSeconds, registry.TotalTimeout.TotalSeconds, registry.StallTimeout.TotalSeconds));
    }

    [Fact]
    public void A_file_may_be_JSON()
    {
        var file = scratch.Write("modelfs.json", """
            {
              "cacheSize": "2GiB",
              "registries": { "A": { "kind": "mlflow", "uri": "http://a" }, "B": { "kind": "mlflow", "uri": "http://b", "artifactRoots": ["/x"] } }
            }
            """);
        var options = Read(config: file);
        Assert.Equal(2L << 30, options.CacheSize);
        Assert.Equal(["A=http://a", "B=http://b"], options.Registries.Select(r => $"{r.Name}={r.Uri}"));
    }

    [Fact]
    public void Variables_win_over_the_file_and_flags_over_both()
    {
        var file = scratch.Write("modelfs.yaml", "cacheSize: 1GiB\nminFree: 1MiB\naliasTtl: 1s\nregistries: { MLFLOW: { kind: mlflow, uri: 'http://file' } }\n");
        environment["MODELFS_CACHE_SIZE"] = "2GiB";
        environment["MODELFS_MIN_FREE"] = "2MiB";
        environment["MODELFS_REGISTRY_MLFLOW"] = "mlflow:http://variable";
        var options = Read(config: file, flags: [("cacheSize", "3GiB")]);
        Assert.Equal((3L << 30, 2L << 20, 1d), (options.CacheSize, options.MinFree, options.AliasTtl.TotalSeconds));
        Assert.Equal("http://variable", Assert.Single(options.Registries).Uri);
        Assert.Equal("http://flag", Assert.Single(Read(config: file, registries: ["MLFLOW=mlflow:http://flag"]).Registries).Uri);
    }

    [Fact]
    public void A_variable_keeps_what_the_file_says_beside_the_address()
    {
        environment["MODELFS_CONFIG"] = scratch.Write("modelfs.yaml", "registries:\n  MLFLOW:\n    kind: mlflow\n    uri: http://file\n    totalTimeout: 7s\n");
        environment["MODELFS_REGISTRY_MLFLOW"] = "mlflow:http://variable";
        var registry = Assert.Single(Read().Registries);
        Assert.Equal(("http://variable", 7d), (registry.Uri, registry.TotalTimeout.TotalSeconds));
    }

    [Theory]
    [InlineData("cacheSizes: 1GiB", "cacheSizes: there is no such setting ({0}:1); there is cache, ")]
    [InlineData("aliasTtl: 1s\ncacheSize: many", "cacheSize: 'many' is not a size such as 100GiB, 10GB or a plain number of bytes ({0}:2)")]
    [InlineData("cacheSize: 1MiB", "cacheSize: '1MiB' is out of range: at least 64MiB ({0}:1)")]
    [InlineData("aliasTtl: 2h", "aliasTtl: '2h' is out of range: 0ms to 1h ({0}:1)")]
    [InlineData("aliasTtl: 10", "aliasTtl: '10' is not a time such as 250ms, 10s, 5m or 1h ({0}:1)")]
    [InlineData("allowOther: perhaps", "allowOther: 'perhaps' is none of true, false ({0}:1)")]
    [InlineData("cache:", "cache: has no value ({0}:1)")]
    [InlineData("cache: [a, b]", "cache: is one value, not a list ({0}:1)")]
    [InlineData("registries: here", "registries: is a mapping of names to their settings ({0}:1)")]
    [InlineData("registries:\n  M: { kind: mlflow }", "registries.M: uri is missing ({0}:2)")]
    [InlineData("registries:\n  M: { uri: 'http://x' }", "registries.M: kind is missing ({0}:2)")]
    [InlineData("registries:\n  M:\n    kind: svn\n    uri: x", "registries.M.kind: 'svn' is of no known kind: there is mlflow, http ({0}:3)")]
    [InlineData("registries:\n  M:\n    kind: mlflow\n    url: x", "registries.M.url: there is no such setting ({0}:4); there is kind, uri, ")]
    [InlineData("registries:\n  a/b: { kind: mlflow, uri: x }", "registries: 'a/b' is no name for a registry")]
    [InlineData("- a\n- b", "{0}:1: the configuration is a mapping")]
    [InlineData("cache: a\ncache: b", "{0}:2: not YAML: ")]
    [InlineData("cache: {", "{0}:2: not YAML: ")]
    public void A_wrong_setting_in_a_file_names_itself_and_its_line(string text, string message)
    {
        var file = scratch.Write("modelfs.yaml", text);
        var error = Assert.Throws<ConfigurationException>(() => Read(config: file, registries: [Registry]));
        Assert.StartsWith(message.Replace("{0}", file, StringComparison.Ordinal), error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_wrong_variable_or_flag_names_itself()
    {
        environment["MODELFS_ALIAS_TTL"] = "soon";
        Assert.Contains("(MODELFS_ALIAS_TTL)", Assert.Throws<ConfigurationException>(() => Read()).Message, StringComparison.Ordinal);
        environment.Clear();
        Assert.Contains("(--alias-ttl)", Assert.Throws<ConfigurationException>(() => Read(flags: [("aliasTtl", "soon")])).Message, StringComparison.Ordinal);
        Assert.Contains("--registry", Assert.Throws<ConfigurationException>(() => Read(registries: ["http://x"])).Message, StringComparison.Ordinal);
        environment["MODELFS_REGISTRY_X"] = "http";
        Assert.Contains("(MODELFS_REGISTRY_X)", Assert.Throws<ConfigurationException>(() => Read()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_missing_file_is_said() =>
        Assert.Contains(
            scratch["none.yaml"], Assert.Throws<ConfigurationException>(() => Read(config: scratch["none.yaml"])).Message, StringComparison.Ordinal);

    [Fact]
    public void A_file_that_cannot_be_read_names_itself_and_who_named_it()
    {
        environment["MODELFS_CONFIG"] = scratch["no.yaml"];
        Assert.Equal($"MODELFS_CONFIG: {scratch["no.yaml"]} cannot be read: there is no such file", Assert.Throws<ConfigurationException>(() => Read()).Message);
        var directory = Assert.Throws<ConfigurationException>(() => Read(config: scratch.Path));
        Assert.Equal($"--config: {scratch.Path} is a directory; it takes a file, YAML or JSON", directory.Message);
    }

    [Fact]
    public void Paths_to_prefetch_are_a_list_in_the_file_and_one_a_line_elsewhere()
    {
        var file = scratch.Write("modelfs.yaml", "prefetch: [ 'MLFLOW/a/champion', 'models:/b@champion' ]\n");
        Assert.Equal(["MLFLOW/a/champion", "models:/b@champion"], Read(config: file).Prefetch);
        environment["MODELFS_PREFETCH"] = "MLFLOW/a/1\n\n MLFLOW/c/1 \n";
        Assert.Equal(["MLFLOW/a/1", "MLFLOW/c/1"], Read(config: file).Prefetch);
    }

    [Fact]
    public void Two_flags_for_one_registry_are_refused()
    {
        var error = Assert.Throws<ConfigurationException>(() => Read(registries: [Registry, "MLFLOW=mlflow:http://other"]));
        Assert.Equal("--registry: MLFLOW is given twice; each registry has a name of its own", error.Message);
    }

    [Fact]
    public void The_registry_URI_of_MLflows_client_wins_over_its_tracking_URI()
    {
        environment["MLFLOW_TRACKING_URI"] = "http://tracking";
        environment["MLFLOW_REGISTRY_URI"] = "http://registry";
        var options = Read();
        Assert.Equal("http://registry", Assert.Single(options.Registries).Uri);
        Assert.Equal("MLFLOW_REGISTRY_URI", options.RegistrySources["MLFLOW"]);
    }

    [Fact]
    public void Variables_that_Kubernetes_injects_only_warn()
    {
        environment["MODELFS_PORT_80_TCP"] = "tcp://10.0.0.1:80";
        environment["MODELFS_SERVICE_HOST"] = "10.0.0.1";
        environment["MODELFS_REGISTRY_PORT"] = "tcp://10.0.0.1:80";
        environment["MODELFS_REGISTRY_SERVICE_HOST"] = "10.0.0.1";
        environment["MODELFS_REGISTRY_PORT_80_TCP_ADDR"] = "10.0.0.1";
        var (options, warnings) = ConfigurationReader.Read(Input());
        Assert.Empty(options.Registries);
        Assert.Equal(environment.Keys.Order(StringComparer.Ordinal), warnings.Select(w => w.Split(' ')[2]));
    }

    [Fact]
    public void With_nothing_configured_the_tracking_URI_makes_a_registry()
    {
        scratch.Write("mlflow.db", "");
        environment["MLFLOW_TRACKING_URI"] = "http://127.0.0.1:5000/prefix";
        var registry = Assert.Single(Read().Registries);
        Assert.Equal(("MLFLOW", "mlflow", "http://127.0.0.1:5000/prefix"), (registry.Name, registry.Kind, registry.Uri));
    }

    [Fact]
    public void With_nothing_configured_a_database_in_the_working_directory_makes_a_registry()
    {
        var database = scratch.Write("mlflow.db", "");
        Assert.Equal("sqlite:///" + database, Assert.Single(Read().Registries).Uri);
    }

    /// <summary>As MLflow's client chooses: a file store with an experiment before a database; directories of artifacts alone are no store.</summary>
    [Fact]
    public void With_nothing_configured_a_file_store_in_the_working_directory_goes_before_a_database()
    {
        scratch.Write("mlruns/models/m/meta.yaml", "");
        scratch.Write("mlruns/1/run/artifacts/file", "");
        Assert.Empty(Read().Registries);
        var database = scratch.Write("mlflow.db", "");
        Assert.Equal("sqlite:///" + database, Assert.Single(Read().Registries).Uri);
        scratch.Write("mlruns/0/meta.yaml", "");
        Assert.Equal(scratch["mlruns"], Assert.Single(Read().Registries).Uri);
    }

    [Fact]
    public void A_configured_registry_keeps_the_tracking_URI_out()
    {
        environment["MLFLOW_TRACKING_URI"] = "http://other";
        Assert.Equal("http://127.0.0.1:5000", Assert.Single(Read(registries: [Registry]).Registries).Uri);
    }

    [Fact]
    public void A_password_in_an_address_is_not_repeated()
    {
        var error = Assert.Throws<ConfigurationException>(() => Read(registries: ["MLFLOW=ftp:http://user:secret@host"]));
        Assert.DoesNotContain("secret", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_registry_may_not_outlast_the_request_it_answers()
    {
        var file = scratch.Write("modelfs.yaml", "requestDeadline: 20s\nregistries: { M: { kind: mlflow, uri: 'http://x', totalTimeout: 30s } }\n");
        var error = Assert.Throws<ConfigurationException>(() => Read(config: file));
        Assert.Equal($"registries.M.totalTimeout: 30.0 s must be less than requestDeadline, 20.0 s ({file}:2)", error.Message);
    }

    [Theory]
    [InlineData("60s", 55), InlineData("20s", 15), InlineData("1s", 0.75)]
    public void A_registry_is_tried_for_nearly_as_long_as_the_request_may_take(string deadline, double total)
    {
        var file = scratch.Write("modelfs.yaml", $"requestDeadline: {deadline}\nregistries: {{ M: {{ kind: mlflow, uri: 'http://x' }} }}\n");
        Assert.Equal(total, Assert.Single(Read(config: file).Registries).TotalTimeout.TotalSeconds);
    }

    [Fact]
    public void The_cache_lies_where_the_system_keeps_caches()
    {
        Assert.Equal("/var/cache/modelfs", ConfigurationReader.Read(Input() with { IsRoot = true }).Options.Cache);
        environment["HOME"] = "/home/x";
        Assert.Equal("/home/x/.cache/modelfs", ConfigurationReader.Read(Input() with { IsRoot = false }).Options.Cache);
        environment["XDG_CACHE_HOME"] = "/tmp/caches";
        Assert.Equal("/tmp/caches/modelfs", ConfigurationReader.Read(Input() with { IsRoot = false }).Options.Cache);
    }

    private ConfigurationInput Input() => new(environment, scratch.Path);

    private ModelFsOptions Read(string? config = null, IReadOnlyList<(string Key, string Value)>? flags = null, IReadOnlyList<string>? registries = null) =>
        ConfigurationReader.Read(Input() with
        {
            ConfigFlag = config,
            Flags = [.. (flags ?? []).Select(f => (Setting.All.Single(s => s.Key == f.Key), f.Value))],
            Registries = registries,
        }).Options;
}
