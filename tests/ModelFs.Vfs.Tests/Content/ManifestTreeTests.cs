using System.Text;
using ModelFs.Registries;
using ModelFs.Vfs.Content;

namespace ModelFs.Vfs.Tests.Content;

public sealed class ManifestTreeTests
{
    private static readonly ModelVersion Version = new("iris", "1", DateTimeOffset.UnixEpoch, "memory:");

    [Fact]
    public void Every_file_is_found_by_its_path_and_no_other()
    {
        var tree = Build("MLmodel", "data/a.bin", "data/deep/er/b", "code/x.py");
        Assert.Equal("data/deep/er/b", tree.File(tree.FindPath("data/deep/er/b")).Path);
        Assert.True(tree.IsDirectory(tree.FindPath("data/deep")));
        Assert.Equal("data/deep", tree.PathOf(tree.FindPath("data/deep")));
        Assert.Equal(0, tree.FindPath(""));
        Assert.Equal(-1, tree.FindPath("data/none"));
        Assert.Equal(-1, tree.Find(0, "data/a.bin"u8));
        Assert.Equal(-1, tree.Find(0, ""u8));
    }

    [Fact]
    public void Names_are_escaped()
    {
        var tree = Build("a%b", "..hidden/x\ny");
        Assert.True(tree.Find(0, "a%25b"u8) > 0);
        Assert.Equal(-1, tree.Find(0, "a%b"u8));
        Assert.True(tree.Find(tree.Find(0, "..hidden"u8), "x%0Ay"u8) > 0);
    }

    [Fact]
    public void A_segment_that_would_climb_is_a_name_like_any_other()
    {
        var tree = Build("../etc/passwd");
        Assert.True(tree.Find(0, "%2E%2E"u8) > 0);
        Assert.Equal(-1, tree.Find(0, ".."u8));
    }

    [Theory]
    [InlineData("/absolute")]
    [InlineData("a//b")]
    [InlineData("a/")]
    [InlineData("")]
    public void A_path_with_a_part_that_is_no_name_is_refused(string path) => AssertMalformed([new(path, 1)]);

    [Fact]
    public void A_path_that_is_no_text_is_refused() => AssertMalformed([new("half of a pair: \ud83d", 1)]);

    [Fact]
    public void A_path_that_is_there_twice_or_is_both_file_and_directory_is_refused()
    {
        AssertMalformed([new("a", 1), new("a", 1)]);
        AssertMalformed([new("a", 1), new("a/b", 1)]);
        AssertMalformed([new("a/b", 1), new("a", 1)]);
        AssertMalformed([new("a", -1)]);
    }

    [Fact]
    public void Numbers_depend_on_the_paths_alone_and_not_on_their_order()
    {
        string[] paths = ["z", "a/b/c", "a/b/d", "m/n", "a/z"];
        var one = Build(paths);
        var other = Build([.. paths.Reverse()]);
        Assert.Equal(one.Fingerprint, other.Fingerprint);
        foreach (var path in paths)
            Assert.Equal(one.FindPath(path), other.FindPath(path));
    }

    [Fact]
    public void Another_path_size_digest_or_time_of_writing_makes_another_fingerprint()
    {
        var fingerprints = new[]
        {
            Of(new ManifestFile("a", 1)), Of(new ManifestFile("b", 1)), Of(new ManifestFile("a", 2)), Of(new ManifestFile("a", null)), Of(new ManifestFile("a", 1, new string('0', 64))), Of(),
            Of(new ManifestFile("a", 1, Modified: DateTime.UnixEpoch)), Of(new ManifestFile("a", 1, Modified: DateTime.UnixEpoch.AddTicks(1))),
        }.Select(tree => tree.Fingerprint);
        Assert.Equal(8, fingerprints.Distinct().Count());
    }

    [Fact]
    public void A_walk_of_random_manifests_gives_their_files()
    {
        var seed = Environment.TickCount;
        var random = new Random(seed);
        for (var round = 0; round < 200; round++)
        {
            var paths = Enumerable.Range(0, random.Next(60)).Select(_ => RandomPath(random)).Distinct().ToList();
            paths.RemoveAll(path => paths.Any(other => other.StartsWith(path + "/", StringComparison.Ordinal)));
            var tree = Build([.. paths]);
            var walked = Walk(tree, 0, "").Order(StringComparer.Ordinal);
            Assert.True(paths.Order(StringComparer.Ordinal).SequenceEqual(walked), $"seed {seed}, round {round}");
        }
    }

    private static IEnumerable<string> Walk(ManifestTree tree, int directory, string path)
    {
        var last = "";
        for (var child = tree.FirstChild(directory); child < tree.FirstChild(directory) + tree.ChildCount(directory); child++)
        {
            Assert.Equal(directory, tree.Parent(child));
            Assert.Equal(child, tree.Find(directory, tree.Name(child)));
            var name = Encoding.UTF8.GetString(tree.Name(child));
            Assert.NotEqual(last, name);
            last = name;
            var below = Uri.UnescapeDataString(path + name);
            Assert.Equal(below, tree.PathOf(child));
            if (!tree.IsDirectory(child))
                yield return below;
            foreach (var deeper in tree.IsDirectory(child) ? Walk(tree, child, path + name + "/") : [])
                yield return deeper;
        }
    }

    private static string RandomPath(Random random)
    {
        string[] parts = ["a", "b", "data", "..", "50%", "ü", "x y", "模型"];
        return string.Join('/', Enumerable.Range(0, random.Next(1, 5)).Select(_ => parts[random.Next(parts.Length)]));
    }

    private static ManifestTree Build(params string[] paths) => Of([.. paths.Select(path => new ManifestFile(path, 1))]);

    private static ManifestTree Of(params ManifestFile[] files) => ManifestTree.Build(new Manifest(Version, files)).Value;

    private static void AssertMalformed(ManifestFile[] files) =>
        Assert.Equal(RegistryErrorKind.Malformed, ManifestTree.Build(new Manifest(Version, files)).Error?.Kind);
}
