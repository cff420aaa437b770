using ModelFs.Control;
using ModelFs.Registries;

namespace ModelFs.Tests.Control;

public sealed class TreePathTests
{
    private static readonly RegistryOptions Mlflow = new() { Name = "MLFLOW", Kind = "mlflow", Uri = "http://x" };

    [Theory]
    [InlineData("models:/iris@champion/MLmodel", "MLFLOW/iris/champion/MLmodel")]
    [InlineData("models:/iris/3", "MLFLOW/iris/3")]
    [InlineData("models:/iris@1", "MLFLOW/iris/@1")]
    [InlineData("MLFLOW/iris/champion", "MLFLOW/iris/champion")]
    [InlineData("", "")]
    public void A_models_URI_is_a_path_of_the_one_registry_it_can_mean(string text, string path) => Assert.Equal(path, TreePath.Of(text, [Mlflow]));

    [Theory]
    [InlineData("models:/")]
    [InlineData("models:/iris@")]
    public void A_URI_that_names_nothing_is_refused(string text) => Assert.Throws<CommandException>(() => TreePath.Of(text, [Mlflow]));

    [Fact]
    public void A_URI_that_may_mean_two_registries_says_which()
    {
        var error = Assert.Throws<CommandException>(() => TreePath.Of("models:/iris/1", [Mlflow, Mlflow with { Name = "OTHER" }]));
        Assert.Contains("MLFLOW/iris/1 or OTHER/iris/1", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Without_an_MLflow_registry_there_is_nothing_to_mean() =>
        Assert.Contains("none is configured", Assert.Throws<CommandException>(() => TreePath.Of("models:/iris/1", [])).Message, StringComparison.Ordinal);
}
