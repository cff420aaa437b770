using System.Net;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using ModelFs.Registries.Tests.Support;
using ModelFs.Testing.Http;

namespace ModelFs.Registries.Tests;

/// <summary>A server with a certificate of an authority that nobody knows.</summary>
public sealed class TlsTests : IAsyncLifetime
{
    private readonly TemporaryDirectory directory = new();
    private readonly X509Certificate2 authority;
    private readonly MisbehavingServer server;
    private string? shown;

    public TlsTests()
    {
        using var key = RSA.Create(2048);
        var request = new CertificateRequest("CN=test authority", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, false, 0, critical: true));
        authority = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        server = new MisbehavingServer(tls: new SslServerAuthenticationOptions
        {
            ServerCertificate = Issue("server"),
            ClientCertificateRequired = true,
            RemoteCertificateValidationCallback = (_, certificate, _, _) =>
            {
                shown = certificate?.Subject;
                return true;
            },
        });
        server.OnJson("/", "{}");
    }

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        await server.DisposeAsync();
        directory.Dispose();
        authority.Dispose();
    }

    /// <param name="issuer">Where the certificate says that its issuer's is to be had.</param>
    private X509Certificate2 Issue(string name, Uri? issuer = null)
    {
        using var key = RSA.Create(2048);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        if (issuer is not null)
            request.CertificateExtensions.Add(new X509AuthorityInformationAccessExtension(null, [issuer.AbsoluteUri]));
        using var issued = request.Create(authority, DateTimeOffset.UtcNow.AddHours(-1), DateTimeOffset.UtcNow.AddHours(1), RandomNumberGenerator.GetBytes(8));
        var whole = issued.CopyWithPrivateKey(key);
        File.WriteAllText(Path.Join(directory.Path, name), whole.ExportCertificatePem() + "\n" + key.ExportPkcs8PrivateKeyPem());
        return whole;
    }

    private async Task<RegistryResult<Unit>> PingAsync(params (string, string)[] environment)
    {
        await using var registry = TestRegistry.At(server.Uri, null, environment);
        return await registry.PingAsync(default);
    }

    [Fact]
    public async Task An_unknown_authority_is_refused_and_not_asked_again()
    {
        var answer = await PingAsync();
        Assert.Equal(RegistryErrorKind.Unavailable, answer.Error?.Kind);
        Assert.Empty(server.Requests);
    }

    [Fact]
    public async Task The_bundle_that_holds_the_authority_makes_it_known()
    {
        var bundle = Path.Join(directory.Path, "bundle");
        File.WriteAllText(bundle, authority.ExportCertificatePem());
        (await PingAsync(("MLFLOW_TRACKING_SERVER_CERT_PATH", bundle))).Must();
    }

    [Fact]
    public async Task Insecure_means_that_nothing_is_checked() => (await PingAsync(("MLFLOW_TRACKING_INSECURE_TLS", "true"))).Must();

    [Fact]
    public async Task The_client_certificate_is_shown_to_the_registry()
    {
        using var client = Issue("client");
        (await PingAsync(("MLFLOW_TRACKING_INSECURE_TLS", "1"), ("MLFLOW_TRACKING_CLIENT_CERT_PATH", Path.Join(directory.Path, "client")))).Must();
        Assert.Equal("CN=client", shown);
    }

    [Fact]
    public async Task Elsewhere_neither_the_certificate_is_shown_nor_the_check_left_out()
    {
        using var client = Issue("client");
        await using var home = new MisbehavingServer();
        home.On("/", exchange => exchange.RespondAsync(302, [], ("Location", server.Uri.AbsoluteUri)));
        await using var registry = TestRegistry.At(
            home.Uri, null, ("MLFLOW_TRACKING_INSECURE_TLS", "1"), ("MLFLOW_TRACKING_CLIENT_CERT_PATH", Path.Join(directory.Path, "client")));
        await registry.PingAsync(default).MustFail(RegistryErrorKind.Unavailable);
        Assert.Null(shown);
        Assert.Empty(server.Requests);
    }

    [Theory]
    [InlineData("nothing")]
    [InlineData("bundle")]
    [InlineData("insecure")]
    [InlineData("redirect")]
    public async Task No_address_is_asked_that_a_certificate_names(string trust)
    {
        await using var named = new MisbehavingServer();
        named.On("/", exchange => exchange.RespondAsync(200, authority.Export(X509ContentType.Cert), ("Content-Type", "application/pkix-cert")));
        // The server's side asks for it, too, if it is let.
        var certificate = SslStreamCertificateContext.Create(Issue("hostile", new Uri(named.Uri, "authority")), null, offline: true);
        await using var hostile = new MisbehavingServer(tls: new SslServerAuthenticationOptions { ServerCertificateContext = certificate });
        hostile.OnJson("/", "{}");
        await using var home = new MisbehavingServer();
        home.On("/", exchange => exchange.RespondAsync(302, [], ("Location", hostile.Uri.AbsoluteUri)));
        var bundle = Path.Join(directory.Path, "bundle");
        using var others = RSA.Create(2048);
        File.WriteAllText(bundle, new CertificateRequest("CN=another authority", others, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1)
            .CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1)).ExportCertificatePem());
        (string, string)[] environment = trust switch
        {
            "bundle" => [("MLFLOW_TRACKING_SERVER_CERT_PATH", bundle)],
            "insecure" => [("MLFLOW_TRACKING_INSECURE_TLS", "true")],
            _ => [],
        };
        await using var registry = TestRegistry.At(trust == "redirect" ? home.Uri : hostile.Uri, null, environment);
        Assert.Equal(trust == "insecure", (await registry.PingAsync(default)).IsOk);
        Assert.Empty(named.Requests);
    }
}
