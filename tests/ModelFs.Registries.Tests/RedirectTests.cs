using System.Net;
using ModelFs.Registries.Http;
using ModelFs.Registries.Tests.Support;
using ModelFs.Testing.Http;

namespace ModelFs.Registries.Tests;

/// <summary>A registry may send us elsewhere, but not with our credentials, and not into the house.</summary>
public sealed class RedirectTests : IAsyncLifetime
{
    private readonly (string, string)[] environment =
        [("MLFLOW_TRACKING_USERNAME", "ann"), ("MLFLOW_TRACKING_PASSWORD", "secret"), ("MLFLOW_WORKSPACE", "team")];

    private readonly ScriptedModel model;
    private readonly MisbehavingServer other = new(IPAddress.Parse("127.0.0.2"));

    public RedirectTests() => model = new ScriptedModel(environment: environment);

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        await model.DisposeAsync();
        await other.DisposeAsync();
    }

    private void Redirect(string path, string to, int status = 302) =>
        model.Server.On(path, exchange => exchange.RespondAsync(status, [], ("Location", to)));

    private static bool HasCredentials(RawRequest request) =>
        request.Header("Authorization") is not null || request.Header("X-MLFLOW-WORKSPACE") is not null || request.Header("Cookie") is not null;

    [Theory]
    [InlineData(301), InlineData(302), InlineData(303), InlineData(307), InlineData(308)]
    public async Task A_redirect_to_another_host_is_followed_without_credentials_and_with_its_range(int status)
    {
        Redirect("/", $"{other.Uri}bytes?signature=abc", status);
        other.On("/bytes", exchange => exchange.RespondAsync(206, new byte[10], ("Content-Range", "bytes 10-19/200")));
        await using (await model.OpenAsync(10, 10, 200).Must())
        {
        }

        Assert.True(HasCredentials(model.Server.Requests.Last()));
        var request = Assert.Single(other.Requests);
        Assert.False(HasCredentials(request));
        Assert.Equal("bytes=10-19", request.Header("Range"));
        Assert.Equal("/bytes?signature=abc", request.Target);
    }

    [Fact]
    public async Task Another_port_is_another_origin()
    {
        await using var neighbour = new MisbehavingServer();
        Redirect("/", neighbour.Uri.AbsoluteUri);
        neighbour.On("/", exchange => exchange.RespondAsync(200, new byte[200]));
        await using (await model.OpenAsync(0, 200, 200).Must())
        {
        }

        Assert.False(HasCredentials(Assert.Single(neighbour.Requests)));
    }

    [Fact]
    public async Task A_redirect_within_the_origin_keeps_the_credentials()
    {
        Redirect(ScriptedModel.Api + "registered-models/search", "/moved");
        model.Server.OnJson("/moved", "{}");
        await model.Registry.PingAsync(default).Must();
        Assert.All(model.Server.Requests, request => Assert.True(HasCredentials(request)));
    }

    [Fact]
    public async Task Coming_back_from_another_host_brings_the_credentials_back_to_their_own()
    {
        Redirect(ScriptedModel.Api + "registered-models/search", $"{other.Uri}away");
        other.On("/away", exchange => exchange.RespondAsync(302, [], ("Location", $"{model.Server.Uri}home")));
        model.Server.OnJson("/home", "{}");
        await model.Registry.PingAsync(default).Must();
        Assert.False(HasCredentials(Assert.Single(other.Requests)));
    }

    [Fact]
    public async Task Redirects_without_end_come_to_one()
    {
        Redirect("/", "/again");
        await model.Registry.PingAsync(default).MustFail(RegistryErrorKind.Malformed);
        Assert.Equal(6, model.Server.Requests.Count);
    }

    [Theory]
    [InlineData("http://169.254.169.254/latest/meta-data/")]
    [InlineData("http://10.0.0.1/")]
    [InlineData("http://192.168.1.1:8080/")]
    [InlineData("http://[fe80::1]/")]
    [InlineData("http://[::ffff:10.0.0.1]/")]
    [InlineData("http://[fd00::1]/")]
    [InlineData("http://0.0.0.0/")]
    [InlineData("http://2130706434:1/../../169.254.1.1/")]
    [InlineData("file:///etc/passwd")]
    [InlineData("ftp://127.0.0.1/")]
    public async Task A_redirect_to_an_internal_address_is_denied(string target)
    {
        Redirect("/", target);
        // 2130706434 is 127.0.0.2, of the registry's own class: asked, and not there.
        var kind = target.Contains("2130706434", StringComparison.Ordinal) ? RegistryErrorKind.Unavailable : RegistryErrorKind.Denied;
        await model.Registry.PingAsync(default).MustFail(kind);
    }

    [Fact]
    public async Task A_content_URI_may_not_name_an_internal_host()
    {
        model.ContentUri("mlflow-artifacts://169.254.169.254/x");
        await model.ManifestAsync().MustFail(RegistryErrorKind.Denied);
        model.ContentUri("http://10.0.0.1/api/2.0/mlflow-artifacts/artifacts/x");
        await model.ManifestAsync().MustFail(RegistryErrorKind.Denied);
    }

    [Fact]
    public async Task A_content_URI_that_names_another_host_is_asked_without_credentials()
    {
        model.ContentUri($"mlflow-artifacts://{other.Uri.Authority}/1/x");
        other.OnJson(ScriptedModel.Proxy, """{"files":[{"path":"f","file_size":3}]}""");
        Assert.Equal("f", Assert.Single((await model.ManifestAsync().Must()).Files).Path);
        var request = Assert.Single(other.Requests);
        Assert.False(HasCredentials(request));
        Assert.Equal("1/x", request.Parameter("path"));
    }

    [Theory]
    [InlineData("8.8.8.8", "Public")]
    [InlineData("2606:4700::1111", "Public")]
    [InlineData("10.1.2.3", "Private")]
    [InlineData("172.31.255.255", "Private")]
    [InlineData("172.32.0.1", "Public")]
    [InlineData("100.64.0.1", "Private")]
    [InlineData("fd12::1", "Private")]
    [InlineData("127.8.8.8", "Loopback")]
    [InlineData("::1", "Loopback")]
    [InlineData("::ffff:127.0.0.1", "Loopback")]
    [InlineData("169.254.1.1", "LinkLocal")]
    [InlineData("fe80::1%1", "LinkLocal")]
    [InlineData("169.254.169.254", "Metadata")]
    [InlineData("::ffff:169.254.169.254", "Metadata")]
    [InlineData("64:ff9b::a9fe:a9fe", "Metadata")]
    [InlineData("2002:a9fe:a9fe::", "Metadata")]
    [InlineData("fd00:ec2::254", "Metadata")]
    [InlineData("168.63.129.16", "Metadata")]
    [InlineData("0.0.0.0", "Unusable")]
    [InlineData("::", "Unusable")]
    [InlineData("224.0.0.1", "Unusable")]
    [InlineData("255.255.255.255", "Unusable")]
    public void Addresses_are_classed(string address, string kind)
    {
        var parsed = IPAddress.Parse(address);
        Assert.Equal(kind, AddressRule.Classify(parsed).ToString());
        Assert.Equal(kind == "Public", new AddressRule(allowInternal: false).Permits(parsed));
        Assert.Equal(kind != "Unusable", new AddressRule(allowInternal: true).Permits(parsed));
    }

    [Fact]
    public void A_registry_may_name_addresses_of_its_own_class_and_no_other()
    {
        var rule = new AddressRule(allowInternal: false);
        rule.NoteOwn(IPAddress.Parse("10.0.0.5"));
        Assert.True(rule.Permits(IPAddress.Parse("192.168.0.1")));
        Assert.False(rule.Permits(IPAddress.Loopback));
        Assert.False(rule.Permits(IPAddress.Parse("169.254.169.254")));
    }
}
