using System.Collections.Concurrent;
using System.Globalization;
using System.Security.Cryptography;
using ModelFs.Registries;

namespace ModelFs.Vfs.Tests.Support;

/// <summary>A registry in memory that counts what it is asked and can be slow, down, or wrong.</summary>
internal sealed class MemoryRegistry : IModelRegistry
{
    private static readonly DateTimeOffset Epoch = new(2025, 6, 1, 12, 0, 0, TimeSpan.Zero);

    private readonly ConcurrentQueue<string> calls = new();

    public string Description { get; set; } = "memory:";

    public Dictionary<string, TestModel> Models { get; } = new(StringComparer.Ordinal);

    public int PageSize { get; set; } = 1000;

    /// <summary>Whether files come with their digests.</summary>
    public bool GivesDigests { get; set; }

    /// <summary>What a call fails with instead of being answered; the call is given in words.</summary>
    public Func<string, RegistryError?>? Fault { get; set; }

    /// <summary>What a call waits for first.</summary>
    public Func<string, Task>? Delay { get; set; }

    public IReadOnlyList<string> Calls => [.. calls];

    public static RegistryError Down { get; } = new(RegistryErrorKind.Unavailable, "nobody listens at memory:");

    public TestModel Add(string name)
    {
        var model = new TestModel(name, Epoch);
        Models[name] = model;
        return model;
    }

    public int Count(string prefix) => calls.Count(call => call.StartsWith(prefix, StringComparison.Ordinal));

    public void ForgetCalls() => calls.Clear();

    public ValueTask<RegistryResult<Page<Model>>> ListModelsAsync(string? pageToken, CancellationToken cancellation) =>
        AnswerAsync($"models {pageToken}", () => PageOf(Models.Values.OrderBy(model => model.Name, StringComparer.Ordinal).Select(model => model.ToModel()), pageToken));

    public ValueTask<RegistryResult<Model>> GetModelAsync(string model, CancellationToken cancellation) =>
        AnswerAsync<Model>($"model {model}", () => Find(model) is { } found ? found.ToModel() : Nothing<Model>(model));

    public ValueTask<RegistryResult<Page<ModelVersion>>> ListVersionsAsync(string model, string? pageToken, CancellationToken cancellation) =>
        AnswerAsync<Page<ModelVersion>>($"versions {model} {pageToken}", () => Find(model) is { } found
            ? PageOf(found.Versions.Values.OrderByDescending(version => version.Number).Select(version => version.ToVersion(model)), pageToken)
            : Nothing<Page<ModelVersion>>(model));

    public ValueTask<RegistryResult<ModelVersion>> GetVersionAsync(string model, string version, CancellationToken cancellation) =>
        AnswerAsync<ModelVersion>($"version {model}/{version}", () => Find(model, version) is { } found ? found.ToVersion(model) : Nothing<ModelVersion>($"{model}/{version}"));

    public ValueTask<RegistryResult<ModelVersion>> ResolveAliasAsync(string model, string alias, CancellationToken cancellation) =>
        AnswerAsync<ModelVersion>($"alias {model}/{alias}", () =>
            alias == "latest" && Find(model)?.Versions.Values.MaxBy(version => version.Number) is { } newest
                ? newest.ToVersion(model)
                : Nothing<ModelVersion>($"{model}@{alias}"));

    public ValueTask<RegistryResult<Manifest>> GetManifestAsync(ModelVersion version, CancellationToken cancellation) =>
        AnswerAsync<Manifest>($"manifest {version.Model}/{version.Version}", () => Find(version.Model, version.Version) is { } found
            ? new Manifest(version, [.. found.Files.OrderBy(file => file.Key, StringComparer.Ordinal).Select(file => Describe(file.Key, file.Value))])
            : Nothing<Manifest>($"{version.Model}/{version.Version}"));

    public ValueTask<RegistryResult<ContentStream>> OpenAsync(ModelVersion version, ManifestFile file, long offset, long length, CancellationToken cancellation) =>
        AnswerAsync<ContentStream>($"open {version.Model}/{version.Version}/{file.Path} {offset}+{length}", () =>
            Find(version.Model, version.Version)?.Files.GetValueOrDefault(file.Path) is { } found
                ? new ContentStream(new MemoryStream(found.Bytes, (int)offset, (int)Math.Min(length, found.Bytes.Length - offset)), offset, found.Bytes.Length)
                : Nothing<ContentStream>(file.Path));

    public ValueTask<RegistryResult<Unit>> PingAsync(CancellationToken cancellation) => AnswerAsync("ping", () => (RegistryResult<Unit>)default(Unit));

    public ValueTask DisposeAsync() => default;

    private async ValueTask<RegistryResult<T>> AnswerAsync<T>(string call, Func<RegistryResult<T>> answer)
    {
        calls.Enqueue(call);
        if (Delay is { } delay)
            await delay(call);
        return Fault?.Invoke(call) is { } error ? error : answer();
    }

    private TestModel? Find(string model) => Models.GetValueOrDefault(model);

    private TestVersion? Find(string model, string version) => Find(model)?.Versions.GetValueOrDefault(version);

    private ManifestFile Describe(string path, TestFile file) =>
        new(path, file.IsSizeKnown ? file.Bytes.Length : null, GivesDigests ? Convert.ToHexStringLower(SHA256.HashData(file.Bytes)) : null);

    /// <summary>Pages by offset, as MLflow does.</summary>
    private RegistryResult<Page<T>> PageOf<T>(IEnumerable<T> all, string? token)
    {
        var skip = token is null ? 0 : int.Parse(token, CultureInfo.InvariantCulture);
        var items = all.Skip(skip).Take(PageSize + 1).ToList();
        return items.Count > PageSize
            ? new Page<T>(items[..PageSize], (skip + PageSize).ToString(CultureInfo.InvariantCulture))
            : new Page<T>(items, null);
    }

    private static RegistryError Nothing<T>(string what) => new(RegistryErrorKind.NotFound, $"there is no {what} ({typeof(T).Name})");
}

internal sealed class TestModel(string name, DateTimeOffset epoch)
{
    public string Name { get; } = name;

    public DateTimeOffset Updated { get; set; } = epoch.AddHours(1);

    public Dictionary<string, string> Aliases { get; } = new(StringComparer.Ordinal);

    public Dictionary<string, TestVersion> Versions { get; } = new(StringComparer.Ordinal);

    /// <summary>Adds a version with small files: path and text.</summary>
    public TestModel With(int number, params (string Path, string Text)[] files)
    {
        var version = new TestVersion(number, epoch.AddMinutes(number));
        foreach (var (path, text) in files)
            version.Files[path] = new TestFile(System.Text.Encoding.UTF8.GetBytes(text));
        Versions[version.Number.ToString(CultureInfo.InvariantCulture)] = version;
        return this;
    }

    public TestModel Alias(string alias, string version)
    {
        Aliases[alias] = version;
        return this;
    }

    public Model ToModel() => new(Name, epoch, Updated, new Dictionary<string, string>(Aliases));
}

internal sealed class TestVersion(int number, DateTimeOffset created)
{
    public int Number { get; } = number;

    public DateTimeOffset Created { get; set; } = created;

    public Dictionary<string, TestFile> Files { get; } = new(StringComparer.Ordinal);

    public ModelVersion ToVersion(string model) => new(model, Number.ToString(CultureInfo.InvariantCulture), Created, $"memory:{model}/{Number}");
}

internal sealed record TestFile(byte[] Bytes, bool IsSizeKnown = true);
