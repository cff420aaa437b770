using System.Globalization;
using System.Text.RegularExpressions;

namespace ModelFs.Tests.Monitoring;

internal sealed record Sample(string Name, IReadOnlyDictionary<string, string> Labels, double Value);

/// <summary>Prometheus' text format, read by its rules: whatever breaks one fails the test.</summary>
internal sealed partial class Exposition
{
    private readonly Dictionary<string, (string Type, List<Sample> Samples)> families = [];

    public IEnumerable<string> Names => families.Keys;

    public static Exposition Parse(string text)
    {
        Assert.EndsWith("\n", text, StringComparison.Ordinal);
        Assert.DoesNotContain('\r', text);
        var exposition = new Exposition();
        string? family = null;
        foreach (var line in text.Split('\n')[..^1])
        {
            if (HelpLine().Match(line) is { Success: true } help)
            {
                family = help.Groups[1].Value;
                Assert.True(exposition.families.TryAdd(family, ("", [])), $"{family} is there twice");
                continue;
            }

            if (TypeLine().Match(line) is { Success: true } type)
            {
                Assert.Equal(family, type.Groups[1].Value);
                exposition.families[family!] = (type.Groups[2].Value, []);
                continue;
            }

            var sample = ParseSample(line);
            var (kind, samples) = exposition.families[family!];
            var suffixes = kind == "histogram" ? new[] { "_bucket", "_sum", "_count" } : [""];
            Assert.Contains(sample.Name, suffixes.Select(s => family + s));
            Assert.DoesNotContain(samples, s => s.Name == sample.Name && s.Labels.OrderBy(l => l.Key).SequenceEqual(sample.Labels.OrderBy(l => l.Key)));
            samples.Add(sample);
        }

        foreach (var (name, (type, samples)) in exposition.families)
            Check(name, type, samples);
        return exposition;
    }

    public string TypeOf(string family) => families[family].Type;

    /// <summary>The sum of the samples with this name and these labels, or null if there is none.</summary>
    public double? Value(string name, params (string Name, string Value)[] labels)
    {
        var found = families.Values.SelectMany(f => f.Samples)
            .Where(s => s.Name == name && labels.All(l => s.Labels.GetValueOrDefault(l.Name) == l.Value)).ToList();
        return found.Count == 0 ? null : found.Sum(s => s.Value);
    }

    private static void Check(string name, string type, List<Sample> samples)
    {
        Assert.NotEmpty(samples);
        if (type == "counter")
            Assert.EndsWith("_total", name, StringComparison.Ordinal);
        else
            Assert.False(name.EndsWith("_total", StringComparison.Ordinal), $"{name} is a {type}");
        if (type != "histogram")
            return;
        foreach (var series in samples.GroupBy(s => string.Join(',', s.Labels.Where(l => l.Key != "le").OrderBy(l => l.Key))))
        {
            var buckets = series.Where(s => s.Name == name + "_bucket").ToList();
            var bounds = buckets.Select(b => b.Labels["le"] == "+Inf" ? double.PositiveInfinity : double.Parse(b.Labels["le"], CultureInfo.InvariantCulture)).ToList();
            Assert.Equal(bounds.Order(), bounds);
            Assert.Equal(double.PositiveInfinity, bounds[^1]);
            Assert.Equal(buckets.Select(b => b.Value).Order(), buckets.Select(b => b.Value));
            Assert.Equal(buckets[^1].Value, series.Single(s => s.Name == name + "_count").Value);
            Assert.Single(series, s => s.Name == name + "_sum");
        }
    }

    private static Sample ParseSample(string line)
    {
        var match = SampleLine().Match(line);
        Assert.True(match.Success, $"no sample: {line}");
        var labels = LabelPair().Matches(match.Groups[2].Value);
        var written = string.Join(',', labels.Select(l => l.Value));
        Assert.Equal(written, match.Groups[2].Value);
        var value = match.Groups[3].Value switch { "+Inf" => double.PositiveInfinity, "-Inf" => double.NegativeInfinity, var number => double.Parse(number, CultureInfo.InvariantCulture) };
        return new Sample(match.Groups[1].Value, labels.ToDictionary(l => l.Groups[1].Value, l => Unescape(l.Groups[2].Value)), value);
    }

    private static string Unescape(string value) => Escape().Replace(value, m => m.Value switch { "\\n" => "\n", "\\\\" => "\\", _ => "\"" });

    [GeneratedRegex(@"^# HELP ([a-z_][a-z0-9_]*) ((?:[^\\]|\\[n\\])+)$")]
    private static partial Regex HelpLine();

    [GeneratedRegex(@"^# TYPE ([a-z_][a-z0-9_]*) (counter|gauge|histogram)$")]
    private static partial Regex TypeLine();

    [GeneratedRegex(@"^([a-z_][a-z0-9_]*)(?:\{(.+)\})? ([+-]?(?:[0-9.]+(?:[eE][+-]?[0-9]+)?|Inf))$")]
    private static partial Regex SampleLine();

    [GeneratedRegex(@"([a-z_][a-z0-9_]*)=""((?:[^""\\]|\\[n""\\])*)""")]
    private static partial Regex LabelPair();

    [GeneratedRegex(@"\\[n""\\]")]
    private static partial Regex Escape();
}
