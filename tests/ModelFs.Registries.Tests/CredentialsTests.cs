using System.Text;
using ModelFs.Registries.Tests.Support;
using ModelFs.Testing.Http;

namespace ModelFs.Registries.Tests;

/// <summary>Who we say we are: as MLflow's own client reads it, and never to anybody else.</summary>
public sealed class CredentialsTests : IAsyncLifetime
{
    private const string Search = ScriptedModel.Api + "registered-models/search";
    private const string User = "MLFLOW_TRACKING_USERNAME";
    private const string Password = "MLFLOW_TRACKING_PASSWORD";
    private const string Token = "MLFLOW_TRACKING_TOKEN";

    private readonly MisbehavingServer server = new();
    private readonly TemporaryDirectory home = new();
    private readonly CapturedLogs logs = new();

    public CredentialsTests() => server.OnJson(Search, "{}");

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        await server.DisposeAsync();
        home.Dispose();
    }

    private async Task<string?> SentAsync(string uri, params (string, string)[] environment)
    {
        await using var registry = TestRegistry.With(TestRegistry.Options(uri), logs, [("HOME", home.Path), .. environment]);
        await registry.PingAsync(default).Must();
        return server.Requests.Last().Header("Authorization");
    }

    private void WriteFile(string text)
    {
        Directory.CreateDirectory(Path.Join(home.Path, ".mlflow"));
        File.WriteAllText(Path.Join(home.Path, ".mlflow", "credentials"), text);
    }

    private static string Basic(string pair) => "Basic " + Convert.ToBase64String(Encoding.UTF8.GetBytes(pair));

    private string Uri(string userInfo = "") => $"http://{userInfo}127.0.0.1:{server.Uri.Port}/";

    [Fact]
    public async Task Nothing_set_sends_nothing() => Assert.Null(await SentAsync(Uri()));

    [Fact]
    public async Task User_and_password_win_over_a_token() =>
        Assert.Equal(Basic("ann:s:ö"), await SentAsync(Uri(), (User, "ann"), (Password, "s:ö"), (Token, "t")));

    [Fact]
    public async Task A_token_is_used_where_the_pair_is_not_whole() =>
        Assert.Equal("Bearer t", await SentAsync(Uri(), (User, "ann"), (Token, "t")));

    [Fact]
    public async Task The_file_is_read_as_MLflow_writes_it()
    {
        WriteFile("# mine\n[other]\nmlflow_tracking_password = no\n[mlflow]\nMLFLOW_TRACKING_USERNAME = ann\nmlflow_tracking_password = s=1\n");
        Assert.Equal(Basic("ann:s=1"), await SentAsync(Uri(), (Token, "t")));
    }

    [Fact]
    public async Task A_variable_wins_over_its_line_in_the_file()
    {
        WriteFile("[mlflow]\nmlflow_tracking_username: ann\nmlflow_tracking_password: old\n");
        Assert.Equal(Basic("ann:new"), await SentAsync(Uri(), (Password, "new")));
    }

    [Fact]
    public async Task Credentials_in_the_URI_win_and_are_not_described()
    {
        Assert.Equal(Basic("b@b:p/w"), await SentAsync(Uri("b%40b:p%2Fw@"), (User, "ann"), (Password, "x")));
        await using var registry = TestRegistry.With(TestRegistry.Options(Uri("b%40b:p%2Fw@")));
        Assert.Equal($"mlflow http://127.0.0.1:{server.Uri.Port}", registry.Description);
    }

    [Fact]
    public async Task The_workspace_is_named_in_a_header()
    {
        await SentAsync(Uri(), ("MLFLOW_WORKSPACE", "team-a"));
        Assert.Equal("team-a", server.Requests.Last().Header("X-MLFLOW-WORKSPACE"));
    }

    [Theory]
    [InlineData(401, new string[0], "no credentials are set")]
    [InlineData(401, new[] { User, Password }, $"those of {User} and {Password}")]
    [InlineData(403, new[] { Token }, $"those of {Token}")]
    [InlineData(401, new[] { User }, $"{User} is set without {Password}")]
    public async Task A_refusal_is_denied_and_logged_once_with_the_variable(int status, string[] variables, string source)
    {
        server.On(Search, exchange => exchange.RespondAsync(
            status, "You are not authenticated.", "text/html", ("WWW-Authenticate", "Basic realm=\"mlflow\"")));
        await using var registry = TestRegistry.At(server.Uri, logs, [.. variables.Select(name => (name, "canary")), ("HOME", home.Path)]);
        var error = await registry.PingAsync(default).MustFail(RegistryErrorKind.Denied);
        await registry.PingAsync(default).MustFail(RegistryErrorKind.Denied);
        Assert.Contains(source, error.Message, StringComparison.Ordinal);
        Assert.Contains(source, Assert.Single(logs.Lines), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Refusals_are_logged_once_a_minute()
    {
        var time = new ShiftedTime();
        server.On(Search, exchange => exchange.RespondAsync(401, ""));
        await using var registry = TestRegistry.With(TestRegistry.Options(Uri()), time, logs);
        for (var round = 1; round <= 2; round++)
        {
            await registry.PingAsync(default).MustFail(RegistryErrorKind.Denied);
            await registry.PingAsync(default).MustFail(RegistryErrorKind.Denied);
            Assert.Equal(round, logs.Lines.Count);
            time.PutForward(TimeSpan.FromSeconds(61));
        }
    }

    [Fact]
    public async Task What_the_server_says_of_its_refusal_is_passed_on()
    {
        server.On(Search, exchange => exchange.RespondAsync(
            403, "Invalid Host header - possible DNS rebinding attack detected", "text/plain"));
        await using var registry = TestRegistry.At(server.Uri);
        var error = await registry.PingAsync(default).MustFail(RegistryErrorKind.Denied);
        Assert.Contains("Invalid Host header", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Secrets_are_in_no_message_and_no_log_even_when_the_server_repeats_them()
    {
        const string Canary = "canary p@ss/7f3a";
        var padding = new string('.', 150); // so that the limit of what is shown falls into the secret
        Task RepeatAsync(RawExchange exchange, int status) => exchange.RespondAsync(
            status,
            $$"""{"error_code":"BAD_REQUEST","message":"you sent {{exchange.Request.Header("Authorization")}}{{padding}}{{Canary}}"}""");
        server.On("/", exchange => RepeatAsync(exchange, 400));
        server.On(Search, exchange => RepeatAsync(exchange, 401));
        var encoded = Convert.ToBase64String(Encoding.UTF8.GetBytes($"ann:{Canary}"));
        List<string> said = [];
        foreach (var registry in new[]
        {
            TestRegistry.At(server.Uri, logs, (User, "ann"), (Password, Canary)),
            TestRegistry.With(TestRegistry.Options(Uri($"ann:{System.Uri.EscapeDataString(Canary)}@")), logs),
            TestRegistry.At(server.Uri, logs, (Token, Canary)),
        })
        {
            await using var _ = registry;
            said.Add(registry.Description);
            said.Add((await registry.PingAsync(default).MustFail(RegistryErrorKind.Denied)).ToString());
            var error = (await registry.GetModelAsync("m", default)).Error!.ToString();
            Assert.Contains("you sent", error, StringComparison.Ordinal);
            said.Add(error);
            said.Add((await registry.ResolveAliasAsync("m", "a", default)).Error!.ToString());
        }

        Assert.All(server.Requests, request => Assert.NotNull(request.Header("Authorization")));
        said.AddRange(logs.Lines);
        Assert.NotEmpty(logs.Lines);
        Assert.All(said, line =>
        {
            Assert.DoesNotContain("canary", line, StringComparison.Ordinal);
            Assert.DoesNotContain("7f3a", line, StringComparison.Ordinal);
            Assert.DoesNotContain(encoded[..8], line, StringComparison.Ordinal);
        });
    }

    [Theory]
    [InlineData("MLFLOW_TRACKING_INSECURE_TLS", "maybe")]
    [InlineData("MLFLOW_TRACKING_SERVER_CERT_PATH", "/nowhere/ca.pem")]
    [InlineData("MLFLOW_TRACKING_CLIENT_CERT_PATH", "/nowhere/me.pem")]
    [InlineData(Token, "two\nlines")]
    [InlineData("MLFLOW_WORKSPACE", "two\r\nlines: x")]
    public void A_variable_that_makes_no_sense_names_itself(string name, string value)
    {
        var error = Assert.Throws<RegistryConfigurationException>(() => TestRegistry.At(server.Uri, null, (name, value)));
        Assert.Contains(name, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("two", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Insecure_TLS_and_a_bundle_of_certificates_exclude_each_other() =>
        Assert.Throws<RegistryConfigurationException>(() => TestRegistry.At(
            server.Uri, null, ("MLFLOW_TRACKING_INSECURE_TLS", "true"), ("MLFLOW_TRACKING_SERVER_CERT_PATH", "/nowhere/ca.pem")));
}
