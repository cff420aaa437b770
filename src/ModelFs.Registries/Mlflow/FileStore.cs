using System.Collections.Concurrent;
using System.Text;
using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;
using ModelFs.Registries.Local;

namespace ModelFs.Registries.Mlflow;

/// <summary>
/// MLflow's file store, a directory <c>mlruns</c>: <c>models/&lt;name&gt;/meta.yaml</c>, beside it <c>aliases/&lt;alias&gt;</c> (a version
/// number) and <c>version-&lt;n&gt;/meta.yaml</c>; <c>&lt;experiment&gt;/&lt;run&gt;/meta.yaml</c> and
/// <c>&lt;experiment&gt;/models/&lt;id&gt;/meta.yaml</c>. What a thing is called is said by its path and not by what stands in it. No link
/// inside the directory is followed.
/// </summary>
internal sealed class FileStore(string root, string registry, ILogger log) : ILocalStore
{
    private const int PageSize = 1000;
    private const string ModelsFolder = "models";
    private const string Meta = "meta.yaml";
    private const string VersionPrefix = "version-";

    // A version number, or "true".
    private const int MaxWord = 64;

    // Listings are renewed every few seconds; a fault is news once. So many are remembered.
    private const int MaxFaults = 1000;

    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly ConcurrentDictionary<string, string> faults = new(StringComparer.Ordinal);

    public string Description => $"mlflow file://{root}";

    public string Directory => Path.GetDirectoryName(root) ?? root;

    public (List<RegisteredModelJson> Models, string? Next) Models(string? after)
    {
        using var store = Open();
        var names = Children(store, ModelsFolder, directories: true)
            .Where(name => IsName(name) && string.CompareOrdinal(name, after) > 0).Order(StringComparer.Ordinal).ToList();
        var models = new List<RegisteredModelJson>();
        foreach (var name in names.Take(PageSize))
        {
            if (TryRead($"{ModelsFolder}/{name}", () => Model(store, name)) is { } model) models.Add(model);
        }

        return (models, names.Count > PageSize ? names[PageSize - 1] : null);
    }

    public RegisteredModelJson? Model(string name)
    {
        if (!IsName(name)) return null;
        using var store = Open();
        return Model(store, name);
    }

    public List<ModelVersionJson> Versions(string model)
    {
        if (!IsName(model)) return [];
        using var store = Open();
        var versions = new List<ModelVersionJson>();
        foreach (var number in Numbers(store, model))
        {
            if (TryRead(VersionPath(model, number), () => Version(store, model, number)) is { } version) versions.Add(version);
        }

        return versions;
    }

    public ModelVersionJson? Version(string model, string version)
    {
        if (!IsName(model)) return null;
        using var store = Open();
        return Version(store, model, version);
    }

    public ModelVersionJson? Alias(string model, string alias)
    {
        if (!IsName(model) || !IsName(alias)) return null;
        using var store = Open();
        if (alias != MlflowRecords.Latest)
            return AliasTarget(store, model, alias) is { } target ? Version(store, model, target) : null;
        return Numbers(store, model).Select(number => Version(store, model, number))
            .FirstOrDefault(version => version is { CurrentStage: not MlflowRecords.DeletedStage });
    }

    public string? DownloadUri(string model, string version)
    {
        if (!IsName(model)) return null;
        using var store = Open();
        var meta = ReadMeta(store, VersionPath(model, version));
        return meta?["storage_location"] is { Length: > 0 } location ? location : meta?["source"];
    }

    public string? LoggedModelUri(string id) => OfExperiments($"models/{id}", id, "artifact_location");

    public string? RunUri(string id) => OfExperiments(id, id, "artifact_uri");

    public void Ping() => Open().Dispose();

    public RegistryError? Explain(Exception e) => e switch
    {
        FileStoreException { Error: var error } => error,
        IOException or UnauthorizedAccessException =>
            new(RegistryErrorKind.Unavailable, $"{root} cannot be read: {Shown.Reason(e)}."),
        _ => null,
    };

    /// <summary>What can be a name here: one part of a path. MLflow refuses the three characters too.</summary>
    private static bool IsName(string name) =>
        MlflowRecords.IsName(name) && name is not ("." or "..") && name.AsSpan().IndexOfAny('/', '\\', '%') < 0;

    private static string VersionPath(string model, string version) => $"{ModelsFolder}/{model}/{VersionPrefix}{version}";

    /// <exception cref="FileStoreException">There is no such directory, or it is none that MLflow made.</exception>
    private SafeFileHandle Open()
    {
        var opened = LocalFiles.OpenRoot(root);
        if (opened.Error is { } error)
            // A store that is gone, say with the disk that holds it, says nothing of its models.
            throw new FileStoreException(error.Kind == RegistryErrorKind.NotFound ? error with { Kind = RegistryErrorKind.Unavailable } : error);
        var store = opened.Value;
        try
        {
            using var models = OpenDirectory(store, ModelsFolder);
            if (models is not null || Experiments(store).Any()) return store;
            throw new FileStoreException(new(
                RegistryErrorKind.Unsupported, $"{root} is no file store of MLflow's: it holds neither models nor an experiment."));
        }
        catch
        {
            store.Dispose();
            throw;
        }
    }

    private RegisteredModelJson? Model(SafeFileHandle store, string name)
    {
        var path = $"{ModelsFolder}/{name}";
        if (ReadMeta(store, path) is not { } meta) return null;
        var prompt = ReadWord(store, $"{path}/tags/{MlflowRecords.PromptTag}");
        if (string.Equals(prompt, "true", StringComparison.OrdinalIgnoreCase)) return null;
        var aliases = new List<AliasJson?>();
        foreach (var alias in Children(store, $"{path}/aliases", directories: false).Where(IsName))
        {
            if (AliasTarget(store, name, alias) is { } target) aliases.Add(new(alias, target));
        }

        return new(name, Time(meta, path, "creation_timestamp"), Time(meta, path, "last_updated_timestamp"), aliases, null);
    }

    private static ModelVersionJson? Version(SafeFileHandle store, string model, string version)
    {
        var path = VersionPath(model, version);
        if (ReadMeta(store, path) is not { } meta) return null;
        // It is the last key, and a version is believed for ever: one that is only half written must not be.
        if (meta["version"] != version) throw Malformed(path, "of no version or of another one");
        return new(
            model, version, Time(meta, path, "creation_timestamp"), meta["current_stage"], meta["source"], meta["run_id"], meta["status"]);
    }

    /// <returns>The numbers that versions have, highest first.</returns>
    private static IEnumerable<string> Numbers(SafeFileHandle store, string model) =>
        Children(store, $"{ModelsFolder}/{model}", directories: true)
            .Where(name => name.StartsWith(VersionPrefix, StringComparison.Ordinal))
            .Select(name => name[VersionPrefix.Length..])
            .Where(MlflowRecords.IsVersionNumber).OrderByDescending(long.Parse);

    private static string? AliasTarget(SafeFileHandle store, string model, string alias) =>
        ReadWord(store, $"{ModelsFolder}/{model}/aliases/{alias}") is { } version && MlflowRecords.IsVersionNumber(version) ? version : null;

    private static IEnumerable<string> Experiments(SafeFileHandle store) =>
        Children(store, "", directories: true).Where(name => name.All(char.IsAsciiDigit) && ReadText(store, $"{name}/{Meta}", MetaFile.MaxBytes) is not null);

    private string? OfExperiments(string path, string id, string key)
    {
        if (!IsName(id)) return null;
        using var store = Open();
        return Experiments(store).Select(experiment => ReadMeta(store, $"{experiment}/{path}")?[key]).FirstOrDefault(uri => uri is not null);
    }

    /// <summary>Reads one of many; a fault of it is logged once, and is none of the others'.</summary>
    private T? TryRead<T>(string path, Func<T?> read)
        where T : class
    {
        try
        {
            return read();
        }
        catch (FileStoreException e)
        {
            if (faults.Count < MaxFaults && faults.GetValueOrDefault(path) != e.Error.Message)
            {
                faults[path] = e.Error.Message;
                log.LocalEntryLeftOut(registry, Shown.Escaped($"{root}/{path}"), $"unusable: {e.Error.Message}");
            }

            return null;
        }
    }

    private static long Time(MetaFile meta, string path, string key) =>
        meta.TryNumber(key, out var number) && MlflowRecords.TryTime(number, out _) ? number : throw Malformed(path, $"without a usable {key}");

    private static MetaFile? ReadMeta(SafeFileHandle store, string path)
    {
        if (ReadText(store, $"{path}/{Meta}", MetaFile.MaxBytes) is not { } text) return null;
        return MetaFile.TryParse(text, out var meta, out var fault) ? meta : throw Malformed(path, fault);
    }

    private static FileStoreException Malformed(string path, string fault) =>
        new(new(RegistryErrorKind.Malformed, $"{Shown.Quoted($"{path}/{Meta}")} is {fault}."));

    private static string? ReadWord(SafeFileHandle store, string path) => ReadText(store, path, MaxWord)?.Trim();

    /// <returns>Null where there is no such file.</returns>
    private static string? ReadText(SafeFileHandle store, string path, int most)
    {
        var opened = LocalFiles.OpenBeneath(store, path, directory: false);
        if (opened.Error is { Kind: RegistryErrorKind.NotFound }) return null;
        if (opened.Error is { } error) throw new FileStoreException(error);
        using var file = opened.Value;
        if (LocalFiles.LengthOf(file) is not { } length || length > most)
            throw new FileStoreException(new(RegistryErrorKind.Malformed, $"{Shown.Quoted(path)} is no file of {most} bytes at most."));
        var bytes = new byte[length];
        var count = 0;
        while (count < length && RandomAccess.Read(file, bytes.AsSpan(count), count) is > 0 and var read) count += read;
        try
        {
            return Strict.GetString(bytes, 0, count);
        }
        catch (DecoderFallbackException)
        {
            throw new FileStoreException(new(RegistryErrorKind.Malformed, $"{Shown.Quoted(path)} is not UTF-8."));
        }
    }

    private static List<string> Children(SafeFileHandle store, string path, bool directories)
    {
        using var directory = OpenDirectory(store, path);
        if (directory is null) return [];
        return [.. LocalFiles.Entries(directory).Where(entry => entry.IsDirectory == directories && !entry.IsLink).Select(entry => entry.Name)];
    }

    private static SafeFileHandle? OpenDirectory(SafeFileHandle store, string path)
    {
        var opened = LocalFiles.OpenBeneath(store, path, directory: true);
        if (opened.Error is { Kind: RegistryErrorKind.NotFound }) return null;
        return opened.Error is { } error ? throw new FileStoreException(error) : opened.Value;
    }

    private sealed class FileStoreException(RegistryError error) : Exception(error.Message)
    {
        public RegistryError Error => error;
    }
}
