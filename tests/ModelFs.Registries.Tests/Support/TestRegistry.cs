using ModelFs.Testing;

namespace ModelFs.Registries.Tests.Support;

/// <summary>Registries as the tests make them: no variables but those that are given, short times, all logs kept.</summary>
internal static class TestRegistry
{
    public static RegistryOptions Options(string uri) => new()
    {
        Name = "MLFLOW",
        Kind = "mlflow",
        Uri = uri,
        AttemptTimeout = TimeSpan.FromSeconds(5),
        TotalTimeout = TimeSpan.FromSeconds(20),
    };

    public static IModelRegistry At(Uri uri, CapturedLogs? logs = null, params (string Name, string Value)[] environment) =>
        With(Options(uri.AbsoluteUri), logs, environment);

    public static IModelRegistry With(RegistryOptions options, CapturedLogs? logs = null, params (string Name, string Value)[] environment) =>
        With(options, null, logs, environment);

    public static IModelRegistry With(
        RegistryOptions options, TimeProvider? time, CapturedLogs? logs, params (string Name, string Value)[] environment)
    {
        var variables = environment.ToDictionary(variable => variable.Name, variable => variable.Value);
        return (IModelRegistry)RegistryFactory.Create(options, variables.GetValueOrDefault, logs ?? new CapturedLogs(), time ?? TimeProvider.System);
    }

    public static IFileTree Tree(Uri uri, CapturedLogs? logs = null, params (string Name, string Value)[] environment) =>
        Tree(new RegistryOptions { Name = "WWW", Kind = "http", Uri = uri.AbsoluteUri, AttemptTimeout = TimeSpan.FromSeconds(5), TotalTimeout = TimeSpan.FromSeconds(20) }, logs, environment);

    public static IFileTree Tree(RegistryOptions options, CapturedLogs? logs = null, params (string Name, string Value)[] environment)
    {
        var variables = environment.ToDictionary(variable => variable.Name, variable => variable.Value);
        return (IFileTree)RegistryFactory.Create(options, variables.GetValueOrDefault, logs ?? new CapturedLogs(), TimeProvider.System);
    }

    public static T Must<T>(this RegistryResult<T> result)
    {
        Assert.True(result.IsOk, result.Error?.ToString());
        return result.Value;
    }

    public static async Task<T> Must<T>(this ValueTask<RegistryResult<T>> result) => (await result).Must();

    public static async Task<RegistryError> MustFail<T>(this ValueTask<RegistryResult<T>> result, RegistryErrorKind kind)
    {
        var answer = await result;
        Assert.False(answer.IsOk, $"it succeeded with {(answer.IsOk ? answer.Value : default)}");
        Assert.True(kind == answer.Error!.Kind, $"{kind} expected: {answer.Error}");
        return answer.Error;
    }

    public static async Task<List<Model>> AllModelsAsync(this IModelRegistry registry)
    {
        var models = new List<Model>();
        string? token = null;
        do
        {
            var page = await registry.ListModelsAsync(token, default).Must();
            models.AddRange(page.Items);
            token = page.NextToken;
        }
        while (token is not null);

        return models;
    }

    public static async Task<List<ModelVersion>> AllVersionsAsync(this IModelRegistry registry, string model)
    {
        var versions = new List<ModelVersion>();
        string? token = null;
        do
        {
            var page = await registry.ListVersionsAsync(model, token, default).Must();
            versions.AddRange(page.Items);
            token = page.NextToken;
        }
        while (token is not null);

        return versions;
    }

    public static async Task<Manifest> ManifestAsync(this IModelRegistry registry, string model, string version) =>
        await registry.GetManifestAsync(await registry.GetVersionAsync(model, version, default).Must(), default).Must();

    /// <summary>The bytes asked for, wherever the answer begins.</summary>
    public static async Task<byte[]> ReadAsync(this IModelRegistry registry, Manifest manifest, string path, long offset, long length)
    {
        var file = manifest.Files.Single(file => file.Path == path);
        await using var content = await registry.OpenAsync(manifest.Version, file, offset, length, default).Must();
        Assert.True(content.Offset == offset || content.Offset == 0, $"it begins at {content.Offset}");
        var skip = new byte[64 << 10];
        for (var left = offset - content.Offset; left > 0;)
            left -= await content.Body.ReadAtLeastAsync(skip.AsMemory(0, (int)Math.Min(left, skip.Length)), 1);
        var bytes = new byte[length];
        var count = await content.Body.ReadAtLeastAsync(bytes, bytes.Length, throwOnEndOfStream: false);
        return bytes[..count];
    }

    public static FixtureFile File(this IReadOnlyList<FixtureModel> models, string model, string version, string path) =>
        models.Single(found => found.Name == model).Versions[version].Files.Single(file => file.Path == path);
}

/// <summary>The system's clock, which a test can put forward.</summary>
internal sealed class ShiftedTime : TimeProvider
{
    private long shift;

    public override long GetTimestamp() => System.GetTimestamp() + Volatile.Read(ref shift);

    public void PutForward(TimeSpan by) => Interlocked.Add(ref shift, (long)(by.TotalSeconds * TimestampFrequency));
}

/// <summary>A directory of its own that goes with the test.</summary>
internal sealed class TemporaryDirectory : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("modelfs-registries-").FullName;

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
