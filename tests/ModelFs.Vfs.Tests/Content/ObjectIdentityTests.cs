using ModelFs.Registries;
using ModelFs.Vfs.Content;

namespace ModelFs.Vfs.Tests.Content;

public sealed class ObjectIdentityTests
{
    private static readonly ModelVersion Version = new("iris", "1", DateTimeOffset.UnixEpoch, "memory:");
    private static readonly ManifestFile File = new("MLmodel", 10);
    private static readonly string Digest = new('a', 64);

    [Fact]
    public void Each_field_makes_another_object()
    {
        var keys = new[]
        {
            ObjectIdentity.Describe("R", Version, File),
            ObjectIdentity.Describe("S", Version, File),
            ObjectIdentity.Describe("R", Version with { Model = "other" }, File),
            ObjectIdentity.Describe("R", Version with { Version = "2" }, File),
            ObjectIdentity.Describe("R", Version with { Created = DateTimeOffset.UnixEpoch.AddMilliseconds(1) }, File),
            ObjectIdentity.Describe("R", Version, File with { Path = "other" }),
            ObjectIdentity.Describe("R", Version, File with { Size = 11 }),
            ObjectIdentity.Describe("R", Version, File with { Size = null }),
            ObjectIdentity.Describe("R", Version, File with { Sha256 = Digest }),
        }.Select(descriptor => descriptor.Key);
        Assert.Equal(9, keys.Distinct().Count());
    }

    [Fact]
    public void Fields_do_not_run_into_each_other() =>
        Assert.NotEqual(
            ObjectIdentity.Describe("R", Version with { Model = "ab", Version = "1" }, File).Key,
            ObjectIdentity.Describe("R", Version with { Model = "a", Version = "b1" }, File).Key);

    [Fact]
    public void Where_the_content_is_stored_or_who_asks_does_not_matter() =>
        Assert.Equal(
            ObjectIdentity.Describe("R", Version, File).Key,
            ObjectIdentity.Describe("R", Version with { ContentUri = "s3://user:secret@elsewhere", RunId = "r" }, File).Key);

    [Fact]
    public void Equal_digests_of_one_registry_are_one_object_and_of_two_are_not()
    {
        var file = File with { Sha256 = Digest };
        Assert.Equal(
            ObjectIdentity.Describe("R", Version, file).Key,
            ObjectIdentity.Describe("R", Version with { Model = "copy", Version = "7" }, file with { Path = "other" }).Key);
        Assert.NotEqual(ObjectIdentity.Describe("R", Version, file).Key, ObjectIdentity.Describe("S", Version, file).Key);
        Assert.Equal(32, ObjectIdentity.Describe("R", Version, file).Sha256.Length);
    }

    [Fact]
    public void An_object_is_called_as_its_place_in_the_tree() =>
        Assert.Equal(
            "a%2Fb/1/%2E/100%25 x",
            ObjectIdentity.Describe("R", Version with { Model = "a/b" }, File with { Path = "./100% x" }).Name);

    [Theory]
    [InlineData("")]
    [InlineData("aa")]
    [InlineData("zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz")]
    public void What_is_no_digest_counts_as_none(string digest)
    {
        var descriptor = ObjectIdentity.Describe("R", Version, File with { Sha256 = digest });
        Assert.True(descriptor.Sha256.IsEmpty);
        Assert.Equal(ObjectIdentity.Describe("R", Version, File).Key, descriptor.Key);
    }
}
