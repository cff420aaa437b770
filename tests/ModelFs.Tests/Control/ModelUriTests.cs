using ModelFs.Control;
using ModelFs.Registries;

namespace ModelFs.Tests.Control;

public sealed class ModelUriTests
{
    private static readonly RegistryOptions Mlflow = new() { Name = "MLFLOW", Kind = "mlflow", Uri = "http://x" };

    [Theory]
    [InlineData("models:/iris@champion", "MLFLOW/iris/champion")]
    [InlineData("models:/iris@champion/MLmodel", "MLFLOW/iris/champion/MLmodel")]
    [InlineData("models:/iris/3", "MLFLOW/iris/3")]
    [InlineData("models:/iris/latest/a/b", "MLFLOW/iris/latest/a/b")]
    [InlineData("models:/iris", "MLFLOW/iris")]
    [InlineData("models:/iris@1", "MLFLOW/iris/@1")]
    [InlineData("models:/a@b@champion", "MLFLOW/a@b/champion")]
    [InlineData("models:/a%2Fb/1", "MLFLOW/a%252Fb/1")]
    [InlineData("models:/../1", "MLFLOW/%2E%2E/1")]
    [InlineData("MLFLOW/iris/champion", "MLFLOW/iris/champion")]
    [InlineData("", "")]
    public void A_models_URI_is_a_path_of_the_tree(string uri, string path) => Assert.Equal(path, ModelUri.ToPath(uri, [Mlflow]));

    [Theory]
    [InlineData("models:/")]
    [InlineData("models:/@champion")]
    [InlineData("models:/iris@")]
    public void A_URI_that_names_nothing_is_refused(string uri) => Assert.Throws<CommandException>(() => ModelUri.ToPath(uri, [Mlflow]));

    [Fact]
    public void A_URI_that_may_mean_two_registries_says_which() =>
        Assert.Contains("MLFLOW or OTHER", Assert.Throws<CommandException>(() => ModelUri.ToPath("models:/iris/1", [Mlflow, Mlflow with { Name = "OTHER" }])).Message, StringComparison.Ordinal);

    [Fact]
    public void Without_an_MLflow_registry_there_is_nothing_to_mean() =>
        Assert.Contains("none is configured", Assert.Throws<CommandException>(() => ModelUri.ToPath("models:/iris/1", [])).Message, StringComparison.Ordinal);
}
