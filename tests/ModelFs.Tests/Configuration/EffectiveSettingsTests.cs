using ModelFs.Configuration;
using ModelFs.Registries;
using ModelFs.Tests.Harness;

namespace ModelFs.Tests.Configuration;

public sealed class EffectiveSettingsTests : IDisposable
{
    private readonly Scratch scratch = new();
    private readonly Dictionary<string, string> environment = new() { ["HOME"] = "/home/x" };

    public void Dispose() => scratch.Dispose();

    [Fact]
    public void Each_setting_is_a_property_of_the_options_of_its_name()
    {
        Assert.All(Setting.All, s => Assert.NotNull(typeof(ModelFsOptions).GetProperty(Capital(s.Key))));
        Assert.All(RegistrySetting.All, s => Assert.NotNull(typeof(RegistryOptions).GetProperty(Capital(s.Key))));

        static string Capital(string key) => char.ToUpperInvariant(key[0]) + key[1..];
    }

    [Fact]
    public void Every_setting_is_shown_with_its_value_and_where_it_came_from()
    {
        var file = scratch.Write("modelfs.yaml", "cacheSize: 10GB\nminFree: 2GiB\nregistries:\n  M:\n    kind: mlflow\n    uri: http://x\n    totalTimeout: 1500ms\n");
        environment["MODELFS_MIN_FREE"] = "3GiB";
        environment["MODELFS_REGISTRY_N"] = "mlflow:sqlite:////srv/mlflow.db";
        var shown = Show(file, [("aliasTtl", "2m")]);
        Assert.Equal(new("10GB", file + ":1"), shown["cacheSize"]);
        Assert.Equal(new("3GiB", "MODELFS_MIN_FREE"), shown["minFree"]);
        Assert.Equal(new("2m", "--alias-ttl"), shown["aliasTtl"]);
        Assert.Equal(new("1m", "default"), shown["requestDeadline"]);
        Assert.Equal(new(null, "default"), shown["logLevel"]);
        Assert.Equal(new("http://x", file + ":6"), shown["registries.M.uri"]);
        Assert.Equal(new("1500ms", file + ":7"), shown["registries.M.totalTimeout"]);
        Assert.Equal(new("sqlite:////srv/mlflow.db", "MODELFS_REGISTRY_N"), shown["registries.N.uri"]);
        Assert.Equal(new("false", "default"), shown["registries.N.allowInternalAddresses"]);
        Assert.Equal(Setting.All.Count + 2 * RegistrySetting.All.Count, shown.Count);
    }

    [Fact]
    public void No_secret_is_shown()
    {
        environment["MLFLOW_TRACKING_URI"] = "https://ada:s3/cr@et@host/path?token=s3cret#s3cret";
        environment["MLFLOW_TRACKING_USERNAME"] = "ada";
        environment["MLFLOW_TRACKING_PASSWORD"] = "s3cret";
        environment["MLFLOW_TRACKING_TOKEN"] = "s3cret";
        var shown = Show(null, []);
        Assert.DoesNotContain(shown.Values, v => v.Value is { } value && (value.Contains("s3", StringComparison.Ordinal) || value.Contains("et@", StringComparison.Ordinal)));
        Assert.Equal(new("https://***@host/path?***", "MLFLOW_TRACKING_URI"), shown["registries.MLFLOW.uri"]);
        Assert.Equal(new("ada", "MLFLOW_TRACKING_USERNAME"), shown["MLFLOW_TRACKING_USERNAME"]);
        Assert.Equal(new("***", "MLFLOW_TRACKING_TOKEN"), shown["MLFLOW_TRACKING_TOKEN"]);
    }

    [Fact]
    public void What_is_shown_can_be_set()
    {
        foreach (var bytes in new[] { 0, 1, 1023, 1024, 10_000_000_000, 100L << 30, 3L << 50 })
        {
            Assert.True(ByteSize.TryParse(ByteSize.Exact(bytes), out var read));
            Assert.Equal(bytes, read);
        }

        foreach (var milliseconds in new[] { 0, 1, 999, 1000, 1500, 60_000, 90_000, 3_600_000, 86_400_000 })
        {
            Assert.True(Duration.TryParse(Duration.Exact(TimeSpan.FromMilliseconds(milliseconds)), out var read));
            Assert.Equal(milliseconds, read.TotalMilliseconds);
        }
    }

    private Dictionary<string, (string? Value, string Source)> Show(string? config, IReadOnlyList<(string Key, string Value)> flags) =>
        EffectiveSettings.Of(new ConfigurationInput(environment, scratch.Path)
        {
            ConfigFlag = config,
            Flags = [.. flags.Select(f => (Setting.All.Single(s => s.Key == f.Key), f.Value))],
        }).ToDictionary(s => s.Key, s => (s.Value, s.Source));
}
