using ModelFs.Vfs.Names;

namespace ModelFs.Vfs.Tests.Names;

public sealed class ModelChildNameTests
{
    [Theory]
    [InlineData("1", true)]
    [InlineData("0", true)]
    [InlineData("9223372036854775807", true)]
    [InlineData("12345678901234567890", false)]
    [InlineData("01", false)]
    [InlineData("00", false)]
    [InlineData("", false)]
    [InlineData("1a", false)]
    [InlineData("-1", false)]
    [InlineData("@1", false)]
    [InlineData("٣", false)]
    public void A_version_is_a_canonical_decimal(string name, bool isVersion) => Assert.Equal(isVersion, ModelChildName.IsVersion(name));

    [Theory]
    [InlineData("champion", "champion")]
    [InlineData("1", "@1")]
    [InlineData("007", "@007")]
    [InlineData("@1", "@@1")]
    [InlineData("@@1", "@@@1")]
    [InlineData("@", "@")]
    [InlineData("@a", "@a")]
    [InlineData("v1", "v1")]
    public void An_alias_never_has_the_name_of_a_version(string alias, string link)
    {
        Assert.Equal(link, ModelChildName.OfAlias(alias));
        Assert.Equal(alias, ModelChildName.ToAlias(link));
        Assert.False(ModelChildName.IsVersion(link));
    }

    [Theory]
    [InlineData("1")]
    [InlineData("007")]
    public void A_plain_number_is_no_link(string name) => Assert.Null(ModelChildName.ToAlias(name));
}
