namespace ModelFs.Vfs.Tests.Names;

public sealed class ModelUriTests
{
    [Theory]
    [InlineData("models:/iris/3", "iris/3")]
    [InlineData("models:/iris@champion", "iris/champion")]
    [InlineData("models:/iris/latest", "iris/latest")]
    [InlineData("models:/iris/Latest", "iris/latest")]
    [InlineData("models:/iris@1", "iris/@1")]
    [InlineData("models:/bert@champion/MLmodel", "bert/champion/MLmodel")]
    [InlineData("models:/bert/2/data/model.bin", "bert/2/data/model.bin")]
    [InlineData("models:/a@b@champion", "a@b/champion")]
    [InlineData("models:/50%/1/a%b", "50%25/1/a%25b")]
    [InlineData("models:/../1", "%2E%2E/1")]
    [InlineData("models:/team/model/3/data", "team%2Fmodel/3/data")]
    [InlineData("models:/team/model@champion/1/x", "team%2Fmodel/champion/1/x")]
    [InlineData("models:/team%2Fmodel@champion", "team%2Fmodel/champion")]
    [InlineData("models:/team%2Fmodel/latest", "team%2Fmodel/latest")]
    [InlineData("models:/50%25/1", "50%25/1")]
    [InlineData("models:/iris/3/a@b", "iris/3/a@b")]
    [InlineData("models:/ünïcode-模型@c/", "ünïcode-模型/c")]
    public void A_URI_is_a_path_below_the_registry(string text, string path)
    {
        Assert.True(ModelUri.TryParse(text, out var uri, out var error), error);
        Assert.Equal(path, uri.TreePath);
    }

    [Theory]
    [InlineData("runs:/abc/model", "models:/")]
    [InlineData("models:/", "no model")]
    [InlineData("models:/iris", "models:/iris@alias")]
    [InlineData("models:/iris@", "models:/name@alias")]
    [InlineData("models:/@champion", "models:/name@alias")]
    [InlineData("models:/team/@champion", "models:/name@alias")]
    [InlineData("models://profile/iris/1", "profile")]
    [InlineData("models:/iris/Production", "models:/iris@Production")]
    [InlineData("models:/iris/01", "models:/iris@01")]
    public void A_wrong_URI_says_what_is_right(string text, string hint)
    {
        Assert.False(ModelUri.TryParse(text, out var uri, out var error));
        Assert.Null(uri);
        Assert.Contains(hint, error, StringComparison.Ordinal);
    }
}
