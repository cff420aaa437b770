using System.Text;
using ModelFs.Registries.Tests.Support;
using ModelFs.Testing.Http;

namespace ModelFs.Registries.Tests.Tree;

/// <summary>Credentials of a tree of files: its own, for its own server.</summary>
public sealed class TreeCredentialsTests : IAsyncLifetime
{
    private readonly MisbehavingServer server = new();

    public Task InitializeAsync() => Task.CompletedTask;

    public Task DisposeAsync() => server.DisposeAsync().AsTask();

    private static string Basic(string userAndPassword) => "Basic " + Convert.ToBase64String(Encoding.UTF8.GetBytes(userAndPassword));

    private async Task<string?> SentAsync(Uri uri, params (string, string)[] environment)
    {
        server.On("/", exchange => exchange.RespondAsync(200, [1], ("ETag", "\"v\"")));
        await using var tree = TestRegistry.Tree(uri, null, environment);
        await tree.FindAsync("x", default).Must();
        return server.Requests.Last().Header("Authorization");
    }

    [Fact]
    public async Task Each_tree_has_the_credentials_of_its_own_name()
    {
        Assert.Null(await SentAsync(server.Uri, ("MODELFS_TOKEN_OTHER", "t"), ("MLFLOW_TRACKING_TOKEN", "t")));
        Assert.Equal("Bearer t", await SentAsync(server.Uri, ("MODELFS_TOKEN_WWW", "t")));
        Assert.Equal(Basic("u:p"), await SentAsync(server.Uri, ("MODELFS_USERNAME_WWW", "u"), ("MODELFS_PASSWORD_WWW", "p"), ("MODELFS_TOKEN_WWW", "t")));
        var withUser = new UriBuilder(server.Uri) { UserName = "a", Password = "b%20c" }.Uri;
        Assert.Equal(Basic("a:b c"), await SentAsync(withUser, ("MODELFS_TOKEN_WWW", "t")));
    }

    [Fact]
    public async Task A_redirect_of_a_tree_to_another_host_is_followed_without_credentials()
    {
        await using var elsewhere = new MisbehavingServer();
        elsewhere.On("/", exchange => exchange.RespondAsync(206, [1], ("ETag", "\"v\""), ("Content-Range", "bytes 0-0/1")));
        server.On("/", exchange => exchange.RespondAsync(302, [], ("Location", new Uri(elsewhere.Uri, "/y").AbsoluteUri)));
        await using var tree = TestRegistry.Tree(server.Uri, null, ("MODELFS_TOKEN_WWW", "secret"));

        var file = (await tree.FindAsync("x", default).Must()).File!;
        await (await tree.OpenAsync(file, 0, 1, default).Must()).DisposeAsync();

        Assert.All(server.Requests, request => Assert.Equal("Bearer secret", request.Header("Authorization")));
        Assert.All(elsewhere.Requests, request => Assert.Null(request.Header("Authorization")));
        Assert.NotEmpty(elsewhere.Requests);
    }

    [Fact]
    public async Task A_tree_reaches_no_internal_address_that_its_server_names()
    {
        // It is at a loopback address itself, so that it may name those; where a cloud keeps its machines' credentials is none.
        server.On("/", exchange => exchange.RespondAsync(302, [], ("Location", "http://169.254.169.254/latest/meta-data")));
        await using var tree = TestRegistry.Tree(server.Uri);
        await tree.FindAsync("x", default).MustFail(RegistryErrorKind.Denied);
    }

    [Fact]
    public async Task A_refusal_names_the_variables_and_no_secret()
    {
        server.On("/", exchange => exchange.RespondAsync(401, "no secret for you"));
        var logs = new CapturedLogs();
        await using var tree = TestRegistry.Tree(server.Uri, logs, ("MODELFS_TOKEN_WWW", "secret"));
        var error = await tree.ListAsync("", default).MustFail(RegistryErrorKind.Denied);
        Assert.Contains("MODELFS_TOKEN_WWW", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(logs.Lines, line => line.Contains("secret", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("ftp://x/", "uri")]
    [InlineData("http://x/?sig=secret", "uri")]
    [InlineData("nonsense", "uri")]
    public void An_address_that_makes_no_sense_is_refused_at_the_start(string uri, string setting)
    {
        var thrown = Assert.Throws<RegistryConfigurationException>(() => TestRegistry.Tree(new RegistryOptions { Name = "WWW", Kind = "http", Uri = uri }));
        Assert.Contains(setting, thrown.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", thrown.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Settings_of_one_kind_are_refused_for_the_other()
    {
        Assert.Throws<RegistryConfigurationException>(() => TestRegistry.With(TestRegistry.Options("http://x/") with { FoundTtl = TimeSpan.Zero }));
        Assert.Throws<RegistryConfigurationException>(() => TestRegistry.Tree(
            new RegistryOptions { Name = "WWW", Kind = "http", Uri = "http://x/", ArtifactRoots = ["/x"] }));
        Assert.Throws<RegistryConfigurationException>(() => TestRegistry.Tree(
            new RegistryOptions { Name = "WWW", Kind = "http", Uri = "http://x/", Directories = ["../x"] }));
        Assert.Throws<RegistryConfigurationException>(() => TestRegistry.Tree(new Uri("http://x/"), null, ("MODELFS_USERNAME_WWW", "u")));
    }
}
