using System.Text.Json;
using ModelFs.Registries.Tests.Support;

namespace ModelFs.Registries.Tests;

/// <summary>Answers that make no sense or mean harm are refused, whole, and said.</summary>
public sealed class HostileListingTests : IAsyncLifetime
{
    private readonly CapturedLogs logs = new();
    private readonly ScriptedModel model;

    public HostileListingTests() => model = new ScriptedModel(logs);

    public Task InitializeAsync() => Task.CompletedTask;

    public Task DisposeAsync() => model.DisposeAsync().AsTask();

    [Theory]
    [InlineData("../x")]
    [InlineData("..")]
    [InlineData(".")]
    [InlineData("")]
    [InlineData("/etc/passwd")]
    [InlineData("a/../../x")]
    [InlineData("a//b")]
    [InlineData("a/b")]
    [InlineData("a\0b")]
    public async Task A_listing_with_a_path_that_climbs_or_is_none_is_refused_whole_and_logged(string path)
    {
        model.Files($$"""{"path":"MLmodel","file_size":3},{"path":{{JsonSerializer.Serialize(path)}},"file_size":3}""");
        var error = await model.ManifestAsync().MustFail(RegistryErrorKind.Malformed);
        Assert.DoesNotContain('\0', error.Message);
        Assert.Contains(logs.Lines, line => line.Contains("the files of m/1 are refused", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_path_is_logged_on_one_line_without_control_characters()
    {
        model.Files("""{"path":"..\n\u001b[31mERROR all is well/..","file_size":3}""");
        await model.ManifestAsync().MustFail(RegistryErrorKind.Malformed);
        var line = Assert.Single(logs.Lines, line => line.Contains("refused", StringComparison.Ordinal));
        Assert.DoesNotContain(line, c => char.IsControl(c));
        Assert.Contains("\\u000A", line, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_path_that_is_too_long_is_refused()
    {
        model.Files($$"""{"path":"{{new string('x', 4096)}}","file_size":3}""");
        await model.ManifestAsync().MustFail(RegistryErrorKind.Malformed);
    }

    [Fact]
    public async Task A_backslash_is_a_legal_part_of_a_name()
    {
        model.Files("""{"path":"..\\x","file_size":3}""");
        Assert.Equal("..\\x", Assert.Single((await model.ManifestAsync().Must()).Files).Path);
    }

    [Theory]
    [InlineData("-1")]
    [InlineData("1099511627777")]
    [InlineData("4611686018427387905")]
    [InlineData("9223372036854775808")]
    [InlineData("1.5")]
    [InlineData("\"many\"")]
    public async Task A_size_that_is_negative_or_absurd_is_refused(string size)
    {
        model.Files($$"""{"path":"f","file_size":{{size}}}""");
        await model.ManifestAsync().MustFail(RegistryErrorKind.Malformed);
    }

    [Fact]
    public async Task The_same_file_twice_is_one_file()
    {
        model.Files("""{"path":"f","file_size":3},{"path":"f","file_size":3}""");
        Assert.Equal(new ManifestFile("f", 3), Assert.Single((await model.ManifestAsync().Must()).Files));
    }

    [Theory]
    [InlineData("""{"path":"f","file_size":3},{"path":"f","file_size":4}""")]
    [InlineData("""{"path":"f","file_size":3},{"path":"f","is_dir":true}""")]
    [InlineData("""{"path":"f","is_dir":true},{"path":"f","file_size":3}""")]
    public async Task One_name_for_two_things_is_refused(string files)
    {
        model.Files(files);
        await model.ManifestAsync().MustFail(RegistryErrorKind.Malformed);
    }

    [Fact]
    public async Task A_directory_that_holds_itself_for_ever_is_refused()
    {
        model.Files("""{"path":"d","is_dir":true}""");
        var error = await model.ManifestAsync().MustFail(RegistryErrorKind.Malformed);
        Assert.Contains("deeper than 64", error.Message, StringComparison.Ordinal);
        Assert.InRange(model.Server.Requests.Count, 64, 80);
    }

    [Fact]
    public async Task A_version_without_files_is_not_found_rather_than_empty_for_ever()
    {
        model.Server.OnJson(ScriptedModel.Proxy, "{}");
        await model.ManifestAsync().MustFail(RegistryErrorKind.NotFound);
    }

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("{\"files\":")]
    [InlineData("{\"files\":7}")]
    [InlineData("{\"files\":[null]}")]
    [InlineData("{\"files\":[{\"path\":\"\\ud800\"}]}")]
    [InlineData("<html>it works</html>")]
    [InlineData("\u0000\u0001\u0002")]
    public async Task Garbage_for_JSON_is_malformed(string body)
    {
        model.Server.OnJson(ScriptedModel.Proxy, body);
        await model.ManifestAsync().MustFail(RegistryErrorKind.Malformed);
    }

    [Fact]
    public async Task JSON_that_is_nested_without_end_is_malformed()
    {
        var deep = new string('[', 100_000);
        model.Server.OnJson(ScriptedModel.Proxy, $$"""{"unknown":{{deep}}""");
        await model.ManifestAsync().MustFail(RegistryErrorKind.Malformed);
    }

    [Fact]
    public async Task An_answer_without_end_is_cut_off_at_its_limit()
    {
        model.Server.On(ScriptedModel.Proxy, async exchange =>
        {
            await exchange.SendHeadAsync(200, "OK", [new("Content-Type", "application/json")]);
            var blank = new byte[1 << 20];
            Array.Fill(blank, (byte)' ');
            for (var i = 0; i < 70; i++) await exchange.SendAsync(blank);
        });
        var error = await model.ManifestAsync().MustFail(RegistryErrorKind.Malformed);
        Assert.Contains("longer than", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_listing_by_run_whose_pages_go_round_is_refused()
    {
        model.ContentUri("s3://bucket/1/r/artifacts/model");
        model.Server.OnJson(
            ScriptedModel.Api + "artifacts/list",
            """{"root_uri":"s3://bucket/1/r/artifacts","files":[{"path":"model/f","file_size":1}],"next_page_token":"again"}""");
        var error = await model.ManifestAsync().MustFail(RegistryErrorKind.Malformed);
        Assert.Contains("circle", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_listing_by_run_that_names_files_elsewhere_is_refused()
    {
        model.ContentUri("s3://bucket/1/r/artifacts/model");
        model.Server.OnJson(
            ScriptedModel.Api + "artifacts/list",
            """{"root_uri":"s3://bucket/1/r/artifacts","files":[{"path":"other/f","file_size":1}]}""");
        await model.ManifestAsync().MustFail(RegistryErrorKind.Malformed);
    }

    [Fact]
    public async Task A_logged_model_is_listed_by_its_id()
    {
        model.ContentUri("s3://bucket/1/models/m-495598015a6d40e48c48a9b4c4fd4032/artifacts");
        model.Server.OnJson(
            ScriptedModel.Api + "logged-models/m-495598015a6d40e48c48a9b4c4fd4032/artifacts/directories",
            """{"files":[{"path":"MLmodel","file_size":1}]}""");
        Assert.Equal("MLmodel", Assert.Single((await model.ManifestAsync().Must()).Files).Path);
    }

    [Fact]
    public async Task A_storage_without_a_client_and_without_a_run_is_unsupported()
    {
        model.ContentUri("gs://bucket/elsewhere");
        model.Server.OnJson(ScriptedModel.Api + "artifacts/list", """{"root_uri":"s3://bucket/1/r/artifacts"}""");
        await model.ManifestAsync().MustFail(RegistryErrorKind.Unsupported);
    }

    [Theory]
    [InlineData("mlflow-artifacts:/1/../../etc")]
    [InlineData("mlflow-artifacts://user:word@127.0.0.1/x")]
    [InlineData("file://elsewhere/etc")]
    [InlineData("")]
    [InlineData("models:/")]
    [InlineData("mlflow-artifacts://a b/x")]
    public async Task A_content_URI_that_climbs_or_makes_no_sense_is_refused(string uri)
    {
        model.ContentUri(uri);
        await model.ManifestAsync().MustFail(RegistryErrorKind.Malformed);
    }

    [Theory]
    [InlineData("file:///etc")]
    [InlineData("/etc")]
    [InlineData("etc")]
    public async Task A_server_may_name_no_local_path(string uri)
    {
        model.ContentUri(uri);
        var error = await model.ManifestAsync().MustFail(RegistryErrorKind.Denied);
        Assert.Contains("artifactRoots", error.Message, StringComparison.Ordinal);
    }
}
