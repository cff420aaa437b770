using ModelFs.Vfs.Names;

namespace ModelFs.Vfs.Tests.Names;

public sealed class NearestNamesTests
{
    [Theory]
    [InlineData("chmpion", "champion", 1)]
    [InlineData("Champion", "champion", 0)]
    [InlineData("", "abc", 3)]
    [InlineData("kitten", "sitting", 3)]
    public void Distance_counts_single_changes(string from, string to, int distance) => Assert.Equal(distance, NearestNames.Distance(from, to));

    [Fact]
    public void Few_names_are_all_given_in_their_own_order() => Assert.Equal(["z", "a"], NearestNames.Choose("b", ["z", "a"]));

    [Fact]
    public void Of_many_the_nearest_come_first()
    {
        var chosen = NearestNames.Choose("bret", [.. Enumerable.Range(0, 100).Select(i => $"model-{i}"), "bert"]);
        Assert.Equal("bert", chosen[0]);
        Assert.Equal(NearestNames.Most, chosen.Count);
    }
}
