using ModelFs.Registries.Mlflow;
using ModelFs.Registries.Tests.Support;
using ModelFs.Testing;

namespace ModelFs.Registries.Tests;

/// <summary>YAML that MLflow did not write.</summary>
public sealed class HostileMetaTests : IDisposable
{
    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    public static TheoryData<string, string> Hostile => new()
    {
        { "nothing", "" },
        { "half written", "creation_timestamp: 1795221400002\ncurrent_stage: No" },
        { "without its time", "name: fsmodel\nversion: 2\n" },
        { "a time that is none", "creation_timestamp: -1\nversion: 2\n" },
        { "a time beyond all", "creation_timestamp: 99999999999999999999999\nversion: 2\n" },
        { "another version", "creation_timestamp: 1\nversion: 3\n" },
        { "a list", "- a\n- b\n" },
        { "a scalar", "text" },
        { "a key that is a list", "? [a]\n: b\n" },
        { "an unclosed quote", "version: \"2\n" },
        { "a tab", "version:\n\t- 2\n" },
        { "binary", "\u0001\u0002\u0003" },
        { "deep flow lists", "x: " + new string('[', 200_000) },
        { "deep block lists", "x:\n " + string.Concat(Enumerable.Repeat("- ", 100_000)) },
        { "deep mappings", string.Concat(Enumerable.Range(0, 400).Select(i => new string(' ', i) + "x:\n")) },
        { "an alias of nothing", "version: *nothing\n" },
        { "too long", "version: 2\ndescription: " + new string('x', MetaFile.MaxBytes) },
    };

    [Theory]
    [MemberData(nameof(Hostile))]
    public async Task A_version_with_a_meta_file_that_is_none_is_malformed_and_the_others_are_there(string what, string text)
    {
        var logs = new CapturedLogs();
        var store = FixtureFileStore.Create(Path.Join(directory.Path, "mlruns"));
        store.Write("models/fsmodel/version-2/meta.yaml", text);
        store.Write("models/broken/meta.yaml", text);
        await using var registry = TestRegistry.With(TestRegistry.Options(store.Root), logs);

        var error = await registry.GetVersionAsync("fsmodel", "2", default).MustFail(RegistryErrorKind.Malformed);
        Assert.True(error.Message.Contains("version-2/meta.yaml", StringComparison.Ordinal), $"{what}: {error.Message}");
        Assert.DoesNotContain('\n', error.Message);
        Assert.InRange(error.Message.Length, 1, 1000);
        Assert.Equal(["1"], (await registry.AllVersionsAsync("fsmodel")).Select(version => version.Version));
        Assert.Equal(["fsmodel"], (await registry.AllModelsAsync()).Select(model => model.Name));
        Assert.Equal(["fsmodel"], (await registry.AllModelsAsync()).Select(model => model.Name));
        Assert.Single(logs.Lines, line => line.Contains("broken", StringComparison.Ordinal) && line.Contains("left out", StringComparison.Ordinal));
    }

    [Fact]
    public void Anchors_expand_to_nothing()
    {
        const string Laughs = "a: &a [x,x,x]\nb: &b [*a,*a,*a]\nc: &c [*b,*b,*b]\nversion: 2\nsource: *c\n";
        Assert.True(MetaFile.TryParse(Laughs, out var meta, out _));
        Assert.Equal(("2", null, null), (meta["version"], meta["a"], meta["source"]));
    }

    [Fact]
    public void Scalars_are_read_as_MLflow_means_them()
    {
        Assert.True(MetaFile.TryParse("a: null\nb: 'null'\nc: ~\nd:\ne: ''\nf: '1'\ng: 1\ng: 2\nh: \"\\u6A21\"\n", out var meta, out _));
        Assert.Equal([null, "null", null, null, "", "1", "2", "模"], "abcdefgh".Select(key => meta[key.ToString()]));
        Assert.True(meta.TryNumber("f", out var number) && number == 1);
        Assert.False(meta.TryNumber("d", out _));
    }

    /// <summary>Whatever bytes: an answer or a fault, and no exception.</summary>
    [Fact]
    public void Ten_thousand_mutilated_files_are_read_or_refused()
    {
        const int Seed = 20261121;
        const string Alphabet = "\n\n\t :-[]{},&*!|>'\"%@`#?\\~=0aé\u0085\u2028\uFEFF\uD83D";
        var random = new Random(Seed);
        var original = File.ReadAllText(Fixtures.PathOf("mlflow", "filestore", "mlruns", "models", "fsmodel", "version-1", "meta.yaml"));
        for (var round = 0; round < 10_000; round++)
        {
            var text = original.ToCharArray();
            for (var i = random.Next(1, 12); i > 0; i--) text[random.Next(text.Length)] = Alphabet[random.Next(Alphabet.Length)];
            var mutilated = new string(text)[random.Next(text.Length / 2)..];
            var thrown = Record.Exception(() => MetaFile.TryParse(mutilated, out _, out _));
            Assert.True(thrown is null, $"seed {Seed}, round {round}: {thrown} on {mutilated}");
        }
    }
}
