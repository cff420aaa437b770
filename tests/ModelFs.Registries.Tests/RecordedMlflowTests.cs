using System.Net;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using ModelFs.Testing;
using ModelFs.Testing.Mlflow;

namespace ModelFs.Registries.Tests;

/// <summary>The stand-in itself: what it answers is what the real server answered.</summary>
public sealed class RecordedMlflowTests
{
    private static readonly HttpMessageInvoker Client = new(new SocketsHttpHandler { AllowAutoRedirect = false, UseProxy = false });

    public static TheoryData<MlflowFlavour, string> Recordings
    {
        get
        {
            var data = new TheoryData<MlflowFlavour, string>();
            foreach (var (flavour, directory) in new[] { (MlflowFlavour.Gunicorn, "gunicorn-3.6"), (MlflowFlavour.Uvicorn, "uvicorn-3.6") })
                foreach (var file in Directory.EnumerateFiles(Fixtures.PathOf("mlflow", "recorded", directory), "*.json").Order())
                    data.Add(flavour, Path.GetFileNameWithoutExtension(file));
            return data;
        }
    }

    /// <remarks>Left out: the one body that no JSON writer here reproduces, and requests that lie about their host.</remarks>
    [Theory]
    [MemberData(nameof(Recordings))]
    public async Task Every_recorded_request_gets_its_recorded_answer(MlflowFlavour flavour, string name)
    {
        var directory = flavour == MlflowFlavour.Gunicorn ? "gunicorn-3.6" : "uvicorn-3.6";
        var recorded = JsonNode.Parse(File.ReadAllBytes(Fixtures.PathOf("mlflow", "recorded", directory, name + ".json")))!;
        await using var server = new RecordedMlflow(flavour);
        // The handler's own parser would take "%2e%2e" for "..", and the recording did not.
        var asked = recorded["request"]!;
        var target = new Uri(
            server.Uri.GetLeftPart(UriPartial.Authority) + asked["path"],
            new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true });
        using var request = new HttpRequestMessage(new HttpMethod((string)asked["method"]!), target);
        foreach (var (header, value) in asked["headers"]!.AsObject()) request.Headers.TryAddWithoutValidation(header, (string)value!);
        if (name is "runs-get" or "bad-host-api" or "bad-host" or "host-private-ip")
        {
            Assert.Equal(name == "runs-get", (int)(await Client.SendAsync(request, default)).StatusCode == 599);
            return;
        }

        if (recorded["response"] is not { } expected)
        {
            await Assert.ThrowsAsync<HttpRequestException>(() => Client.SendAsync(request, default));
            return;
        }

        using var response = await Client.SendAsync(request, default);
        Assert.Equal((int)expected["status"]!, (int)response.StatusCode);
        Assert.Equal((string)expected["reason"]!, response.ReasonPhrase);
        Assert.Equal(
            expected["headers"]!.AsArray().Select(header => ((string)header![0]!).ToLowerInvariant()).Order(),
            response.Headers.NonValidated.Concat(response.Content.Headers.NonValidated)
                .SelectMany(header => header.Value.Select(_ => header.Key.ToLowerInvariant())).Order());
        await using var body = await response.Content.ReadAsStreamAsync();
        if (name is "registered-models-search" or "model-versions-search-all")
        {
            // Some times of models were not recorded; each is as long as any other.
            var copy = new MemoryStream();
            await body.CopyToAsync(copy);
            Assert.Equal((long)expected["body_length"]!, copy.Length);
        }
        else Assert.Equal((string)expected["body_sha256"]!, Convert.ToHexStringLower(await SHA256.HashDataAsync(body)));

        Assert.Empty(server.Unrecorded);
    }

    [Theory]
    [InlineData("/api/2.0/mlflow/registered-models/get?name=iris&extra=1")]
    [InlineData("/api/2.0/mlflow/experiments/search")]
    [InlineData("/get-artifact?run_id=054a49b8eede4b5585229dedb541b5f4&path=model/model.pkl")]
    public async Task A_kind_of_request_that_was_never_recorded_is_refused_and_kept(string target)
    {
        await using var server = new RecordedMlflow(MlflowFlavour.Gunicorn);
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(server.Uri, target));
        using var response = await Client.SendAsync(request, default);
        Assert.Equal(599, (int)response.StatusCode);
        Assert.Equal($"GET {target}", Assert.Single(server.Unrecorded));
    }

    [Fact]
    public async Task Connections_are_closed_or_kept_as_the_real_servers_did()
    {
        foreach (var flavour in new[] { MlflowFlavour.Gunicorn, MlflowFlavour.Uvicorn })
        {
            await using var server = new RecordedMlflow(flavour);
            using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(server.Uri, "/health"));
            using var response = await Client.SendAsync(request, default);
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
            Assert.Equal(flavour == MlflowFlavour.Gunicorn, response.Headers.ConnectionClose == true);
        }
    }
}
