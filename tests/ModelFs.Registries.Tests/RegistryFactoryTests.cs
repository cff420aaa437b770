using ModelFs.Registries.Tests.Support;

namespace ModelFs.Registries.Tests;

public sealed class RegistryFactoryTests
{
    private static string Refused(RegistryOptions options) =>
        Assert.Throws<RegistryConfigurationException>(() => TestRegistry.With(options)).Message;

    [Theory]
    [InlineData("huggingface")]
    [InlineData("MLFLOW")]
    [InlineData("")]
    public void An_unknown_kind_names_itself_and_those_there_are(string kind)
    {
        var message = Refused(TestRegistry.Options("http://h") with { Kind = kind });
        Assert.Contains($"kind '{kind}'", message, StringComparison.Ordinal);
        Assert.Contains("there is: mlflow", message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("ftp://ann:canary@h/")]
    [InlineData("not an address canary")]
    [InlineData("sqlite://canary")]
    [InlineData("file://canary/mlruns")]
    [InlineData("canary.example.com")]
    [InlineData("")]
    public void An_unknown_address_names_the_setting_and_what_there_is_but_not_itself(string uri)
    {
        var message = Refused(TestRegistry.Options(uri));
        Assert.Contains("MLFLOW: uri", message, StringComparison.Ordinal);
        Assert.Contains("sqlite:////absolute.db", message, StringComparison.Ordinal);
        Assert.DoesNotContain("canary", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Settings_out_of_range_name_themselves()
    {
        var options = TestRegistry.Options("http://127.0.0.1:1");
        Assert.Contains("attemptTimeout", Refused(options with { AttemptTimeout = TimeSpan.Zero }), StringComparison.Ordinal);
        Assert.Contains("totalTimeout", Refused(options with { TotalTimeout = TimeSpan.FromDays(2) }), StringComparison.Ordinal);
        Assert.Contains("stallTimeout", Refused(options with { StallTimeout = -TimeSpan.FromSeconds(1) }), StringComparison.Ordinal);
        Assert.Contains("artifactRoots", Refused(options with { ArtifactRoots = ["relative"] }), StringComparison.Ordinal);
        Assert.Contains("artifactsDestination", Refused(options with { ArtifactsDestination = "/x" }), StringComparison.Ordinal);
        var store = TestRegistry.Options("sqlite:////x.db");
        Assert.Contains("artifactsDestination", Refused(store with { ArtifactsDestination = "s3://x" }), StringComparison.Ordinal);
        Assert.Contains("uri", Refused(TestRegistry.Options("sqlite:///")), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_registry_that_is_down_is_made_all_the_same()
    {
        await using var server = TestRegistry.With(TestRegistry.Options("http://127.0.0.1:1/prefix/"));
        Assert.Equal("mlflow http://127.0.0.1:1/prefix", server.Description);
        await using var store = TestRegistry.With(TestRegistry.Options("sqlite:////nowhere/mlflow.db"));
        Assert.Equal("mlflow sqlite:////nowhere/mlflow.db", store.Description);
    }

    [Theory]
    [InlineData("/srv/a b/mlruns", "/srv/a b/mlruns")]
    [InlineData("/srv/mlruns/", "/srv/mlruns")]
    [InlineData("file:///srv/a%20b/mlruns", "/srv/a b/mlruns")]
    [InlineData("file://localhost/srv/mlruns", "/srv/mlruns")]
    [InlineData("file:/srv/mlruns", "/srv/mlruns")]
    [InlineData("./mlruns", "./mlruns")]
    [InlineData("file:./mlruns", "./mlruns")]
    [InlineData("../x/../mlruns", "../mlruns")]
    public async Task A_path_and_a_file_URI_are_a_file_store(string uri, string path)
    {
        await using var store = TestRegistry.With(TestRegistry.Options(uri));
        Assert.Equal("mlflow file://" + Path.GetFullPath(path), store.Description);
    }
}
