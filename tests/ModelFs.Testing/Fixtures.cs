using System.Reflection;

namespace ModelFs.Testing;

/// <summary>Where the test data lies: <c>tests/fixtures</c> of the tree that this was built from.</summary>
public static class Fixtures
{
    private static readonly string Root = Path.GetFullPath(
        typeof(Fixtures).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(value => value.Key == "Fixtures").Value!);

    public static string PathOf(params ReadOnlySpan<string> parts)
    {
        var path = Path.Join([Root, .. parts]);
        return Path.Exists(path) ? path : throw new FileNotFoundException($"The fixture {path} is missing.");
    }
}
