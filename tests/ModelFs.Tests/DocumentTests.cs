using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;
using ModelFs.Configuration;

namespace ModelFs.Tests;

/// <summary>The documents say what the code does, or this fails.</summary>
public sealed partial class DocumentTests
{
    [Fact]
    public void Each_test_that_semantics_names_exists()
    {
        var tests = Directory.EnumerateFiles(Path.Combine(Root(), "tests"), "*.cs", SearchOption.AllDirectories)
            .SelectMany(file => TestMethod().Matches(File.ReadAllText(file)))
            .Select(match => match.Groups[1].Value)
            .ToHashSet();
        var named = Named().Matches(Document("semantics.md")).Select(match => match.Groups[1].Value).ToList();

        Assert.All(named, name => Assert.Contains(name, tests));
        Assert.True(named.Count > 50, $"{named.Count} tests are named");
    }

    [Fact]
    public void Each_promise_names_a_test()
    {
        var rows = Document("semantics.md").Split('\n').Where(line => line.StartsWith("| ", StringComparison.Ordinal) && !line.StartsWith("| promise", StringComparison.Ordinal)).ToList();
        Assert.All(rows, row => Assert.Matches(Named(), row));
        Assert.NotEmpty(rows);
    }

    [Fact]
    public void Each_setting_stands_in_configuration_with_its_three_names()
    {
        var document = Document("configuration.md");
        Assert.All(Setting.All, s => Assert.Contains($"| `{s.Key}` | `{s.Variable}` | `{s.Flag}` |", document, StringComparison.Ordinal));
        Assert.All(RegistrySetting.All, s => Assert.Contains($"| `{s.Key}` |", document, StringComparison.Ordinal));
    }

    [Fact]
    public void Each_setting_in_configuration_exists()
    {
        var known = Setting.All.Select(s => s.Key).Concat(RegistrySetting.All.Select(s => s.Key)).ToHashSet();
        var listed = SettingRow().Matches(Document("configuration.md")).Select(match => match.Groups[1].Value).ToList();
        Assert.All(listed, key => Assert.Contains(key, known));
        Assert.Equal(known.Count, listed.Count);
    }

    private static string Document(string name) => File.ReadAllText(Path.Combine(Root(), "docs", name));

    private static string Root([CallerFilePath] string here = "") => Path.GetFullPath(Path.Combine(Path.GetDirectoryName(here)!, "..", ".."));

    [GeneratedRegex(@"public (?:async )?(?:Task|void) (\w+)\(")]
    private static partial Regex TestMethod();

    [GeneratedRegex(@"`([A-Z]\w*_\w+_\w+)`")]
    private static partial Regex Named();

    [GeneratedRegex(@"(?m)^\| `([a-z]\w*)` \|")]
    private static partial Regex SettingRow();
}
