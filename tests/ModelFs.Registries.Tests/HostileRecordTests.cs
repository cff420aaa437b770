using ModelFs.Registries.Tests.Support;

namespace ModelFs.Registries.Tests;

/// <summary>Models, versions and aliases: pages, names and numbers that a server should not send.</summary>
public sealed class HostileRecordTests : IAsyncLifetime
{
    private const string Models = ScriptedModel.Api + "registered-models/search";
    private const string Versions = ScriptedModel.Api + "model-versions/search";
    private readonly ScriptedModel model = new();

    public Task InitializeAsync() => Task.CompletedTask;

    public Task DisposeAsync() => model.DisposeAsync().AsTask();

    [Fact]
    public async Task Pages_are_followed_to_the_last_and_prompts_are_left_out()
    {
        model.Server.On(Models, exchange => exchange.RespondAsync(200, exchange.Request.Parameter("page_token") switch
        {
            null => """{"registered_models":[{"name":"a"}],"next_page_token":"x=="}""",
            "x==" => """{"registered_models":[{"name":"p","tags":[{"key":"mlflow.prompt.is_prompt","value":"true"}]}],"next_page_token":"y"}""",
            _ => """{"registered_models":[{"name":"b"}]}""",
        }));
        Assert.Equal(["a", "b"], (await model.Registry.AllModelsAsync()).Select(found => found.Name));
    }

    [Fact]
    public async Task A_page_that_names_itself_as_the_next_is_refused()
    {
        model.Server.OnJson(Models, """{"registered_models":[{"name":"a"}],"next_page_token":"again"}""");
        var first = await model.Registry.ListModelsAsync(null, default).Must();
        await model.Registry.ListModelsAsync(first.NextToken, default).MustFail(RegistryErrorKind.Malformed);
    }

    [Fact]
    public async Task Pages_without_end_come_to_one()
    {
        var pages = 0;
        model.Server.On(Models, exchange => exchange.RespondAsync(200, $$"""{"next_page_token":"t{{++pages}}"}"""));
        var refused = await model.Registry.ListModelsAsync("9999:1", default);
        await ValueTask.FromResult(refused).MustFail(RegistryErrorKind.Malformed);
        Assert.NotNull((await model.Registry.ListModelsAsync("9998:0", default).Must()).NextToken);
    }

    [Theory]
    [InlineData("""{"name":""}""")]
    [InlineData("""{"name":null}""")]
    [InlineData("""{"name":"a\u0000b"}""")]
    [InlineData("""null""")]
    [InlineData("""{"name":"a","creation_timestamp":-1}""")]
    [InlineData("""{"name":"a","creation_timestamp":9223372036854775807}""")]
    [InlineData("""{"name":"a","aliases":[{"alias":"x","version":"../1"}]}""")]
    [InlineData("""{"name":"a","aliases":[{"alias":"","version":"1"}]}""")]
    public async Task A_model_that_makes_no_sense_is_malformed(string json)
    {
        model.Server.OnJson(Models, $$"""{"registered_models":[{{json}}]}""");
        await model.Registry.ListModelsAsync(null, default).MustFail(RegistryErrorKind.Malformed);
    }

    [Theory]
    [InlineData("..")]
    [InlineData("team/model:v1")]
    [InlineData("ünïcode-模型")]
    [InlineData("trailing ")]
    [InlineData("a%2Fb")]
    [InlineData("😀")]
    public async Task Awkward_names_are_names(string name)
    {
        var answer = new { registered_model = new { name, aliases = new[] { new { alias = "1", version = "2" } } } };
        model.Server.OnJson(ScriptedModel.Api + "registered-models/get", System.Text.Json.JsonSerializer.Serialize(answer));
        var found = await model.Registry.GetModelAsync(name, default).Must();
        Assert.Equal((name, "2"), (found.Name, found.Aliases["1"]));
        Assert.Equal(name, model.Server.Requests.Single().Parameter("name"));
    }

    [Theory]
    [InlineData("PENDING_REGISTRATION", "None")]
    [InlineData("FAILED_REGISTRATION", "None")]
    [InlineData("READY", "Deleted_Internal")]
    public async Task A_version_that_is_pending_failed_or_deleted_is_not_found(string status, string stage)
    {
        var version = $$"""{"name":"m","version":"1","status":"{{status}}","current_stage":"{{stage}}"}""";
        model.Server.OnJson(ScriptedModel.Api + "model-versions/get", $$"""{"model_version":{{version}}}""");
        model.Server.OnJson(ScriptedModel.Api + "registered-models/alias", $$"""{"model_version":{{version}}}""");
        model.Server.OnJson(Versions, $$"""{"model_versions":[{{version}}]}""");
        await model.Registry.GetVersionAsync("m", "1", default).MustFail(RegistryErrorKind.NotFound);
        await model.Registry.ResolveAliasAsync("m", "champion", default).MustFail(RegistryErrorKind.NotFound);
        Assert.Empty(await model.Registry.AllVersionsAsync("m"));
    }

    [Fact]
    public async Task A_prompt_is_no_model()
    {
        model.Server.OnJson(
            ScriptedModel.Api + "registered-models/get",
            """{"registered_model":{"name":"m","tags":[{"key":"mlflow.prompt.is_prompt","value":"true"}]}}""");
        model.Server.OnJson(
            ScriptedModel.Api + "model-versions/get",
            """{"model_version":{"name":"m","version":"1","status":"READY","source":"dummy-source"}}""");
        await model.Registry.GetModelAsync("m", default).MustFail(RegistryErrorKind.NotFound);
        await model.Registry.GetVersionAsync("m", "1", default).MustFail(RegistryErrorKind.NotFound);
    }

    [Fact]
    public async Task Another_model_than_the_one_asked_for_is_not_it()
    {
        model.Server.OnJson(ScriptedModel.Api + "registered-models/get", """{"registered_model":{"name":"M"}}""");
        await model.Registry.GetModelAsync("m", default).MustFail(RegistryErrorKind.NotFound);
        await model.Registry.GetVersionAsync("M", "1", default).MustFail(RegistryErrorKind.NotFound);
        await model.Registry.GetVersionAsync("m", "2", default).MustFail(RegistryErrorKind.NotFound);
    }

    [Theory]
    [InlineData("plain", "name='plain'")]
    [InlineData("quote'd", "name=\"quote'd\"")]
    [InlineData("double\"d", "name='double\"d'")]
    [InlineData("it's \"both\"", null)]
    public async Task Versions_of_a_name_with_quotes_are_found(string name, string? filter)
    {
        model.Server.On(Versions, exchange => exchange.RespondAsync(200, System.Text.Json.JsonSerializer.Serialize(
            exchange.Request.Parameter("page_token") is null
                ? new { model_versions = new[] { new { name = "other", version = "1" } }, next_page_token = (string?)"2" }
                : new { model_versions = new[] { new { name, version = "7" } }, next_page_token = (string?)null })));
        Assert.Equal("7", Assert.Single(await model.Registry.AllVersionsAsync(name)).Version);
        Assert.All(model.Server.Requests, request => Assert.Equal(filter, request.Parameter("filter")));
    }

    [Fact]
    public async Task A_server_that_is_none_is_said_to_be_none()
    {
        var error = await model.Registry.PingAsync(default).MustFail(RegistryErrorKind.Unsupported);
        Assert.Contains("404", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_path_in_the_tracking_URI_is_kept()
    {
        model.Server.OnJson("/team/mlflow/api/2.0/mlflow/registered-models/search", "{}");
        await using var registry = TestRegistry.At(new Uri(model.Server.Uri, "/team/mlflow/"));
        await registry.PingAsync(default).Must();
    }
}
