using Microsoft.Extensions.Logging;
using ModelFs.Registries.Mlflow;
using ModelFs.Registries.Tree;

namespace ModelFs.Registries;

public static class RegistryFactory
{
    private const string SqliteScheme = "sqlite:///";

    /// <summary>Makes a registry without asking it anything: one that is down now is made all the same.</summary>
    /// <param name="environment">Reads an environment variable, or answers null: the process's, or a test's.</param>
    /// <exception cref="RegistryConfigurationException">The options make no sense; the message names the setting.</exception>
    public static IRegistry Create(RegistryOptions options, Func<string, string?> environment, ILoggerFactory logs, TimeProvider time)
    {
        if (options.Kind is not ("mlflow" or "http"))
            throw new RegistryConfigurationException(
                $"Registry {options.Name}: kind {Shown.Quoted(options.Kind)} is unknown; there is: mlflow, http.");
        Check(options, "attemptTimeout", options.AttemptTimeout);
        Check(options, "totalTimeout", options.TotalTimeout);
        Check(options, "stallTimeout", options.StallTimeout);
        foreach (var root in options.ArtifactRoots)
            if (!Path.IsPathFullyQualified(root))
                throw new RegistryConfigurationException(
                    $"Registry {options.Name}: artifactRoots holds {Shown.Quoted(root)}, which is no absolute path.");

        var log = logs.CreateLogger("ModelFs.Registries");
        return options.Kind == "http" ? CreateTree(options, environment, log, time) : CreateMlflow(options, environment, log, time);
    }

    /// <summary>The directory or database of this machine that a registry is; null where it is a server.</summary>
    public static string? LocalPath(RegistryOptions options) =>
        options.Kind != "mlflow" ? null
        : options.Uri.StartsWith(SqliteScheme, StringComparison.Ordinal) ? Path.GetFullPath(options.Uri[SqliteScheme.Length..])
        : DirectoryOf(options.Uri);

    private static HttpTree CreateTree(RegistryOptions options, Func<string, string?> environment, ILogger log, TimeProvider time)
    {
        if (!Uri.TryCreate(options.Uri, UriKind.Absolute, out var uri) || (uri.Scheme != Uri.UriSchemeHttp && uri.Scheme != Uri.UriSchemeHttps))
            throw new RegistryConfigurationException($"Registry {options.Name}: uri is no address; a tree of files is at http://… or https://….");
        if (uri.Query.Length > 0 || uri.Fragment.Length > 0)
            throw new RegistryConfigurationException($"Registry {options.Name}: uri has a query or fragment, which addresses below it could not keep.");
        if (options.ArtifactsDestination is not null || options.ArtifactRoots.Count > 0)
            throw new RegistryConfigurationException($"Registry {options.Name}: artifactsDestination and artifactRoots are for kind mlflow.");
        CheckTtl(options, "foundTtl", options.FoundTtl);
        CheckTtl(options, "absentTtl", options.AbsentTtl);
        return new HttpTree(uri, options, environment, log, time);
    }

    private static IModelRegistry CreateMlflow(RegistryOptions options, Func<string, string?> environment, ILogger log, TimeProvider time)
    {
        if (options.FoundTtl is not null || options.AbsentTtl is not null || options.Directories.Count > 0)
            throw new RegistryConfigurationException($"Registry {options.Name}: foundTtl, absentTtl and directories are for kind http.");
        if (options.Uri.StartsWith(SqliteScheme, StringComparison.Ordinal))
        {
            var path = options.Uri[SqliteScheme.Length..];
            if (path.Length == 0) throw new RegistryConfigurationException($"Registry {options.Name}: uri names no database file.");
            path = Path.GetFullPath(path);
            var workspace = environment("MLFLOW_WORKSPACE") is { Length: > 0 } named ? named : "default";
            var store = new SqliteStore(path, workspace, options.AttemptTimeout);
            // Where a client without a server puts its artifacts.
            IReadOnlyList<string> roots = options.ArtifactsDestination is null ? [Path.Join(store.Directory, "mlruns")] : [];
            return new LocalMlflow(store, roots, options, log, time);
        }

        if (DirectoryOf(options.Uri) is { } directory)
            return new LocalMlflow(new FileStore(directory, options.Name, log), [directory], options, log, time);

        // The URI may hold a password: none of these messages repeats it.
        if (!Uri.TryCreate(options.Uri, UriKind.Absolute, out var uri))
            throw new RegistryConfigurationException($"Registry {options.Name}: uri is no address; {Schemes}.");
        if (uri.Scheme != Uri.UriSchemeHttp && uri.Scheme != Uri.UriSchemeHttps)
            throw new RegistryConfigurationException($"Registry {options.Name}: uri has the scheme {Shown.Quoted(uri.Scheme)}; {Schemes}.");
        if (options.ArtifactsDestination is not null)
            throw new RegistryConfigurationException(
                $"Registry {options.Name}: artifactsDestination is for local stores; a server knows its own.");
        return new MlflowServer(uri, options, environment, log, time);
    }

    private const string Schemes = "an mlflow registry is http://…, https://…, sqlite:///relative.db, sqlite:////absolute.db, ./mlruns or file:///srv/mlruns";

    /// <summary>The directory that a URI names, as MLflow takes it: <c>file:</c>, or a path. A bare word is one only where there is such a
    /// directory: else it is a host that somebody forgot <c>https://</c> before.</summary>
    private static string? DirectoryOf(string uri)
    {
        if (ArtifactUri.LocalPath(uri) is not { } path) return null;
        if (path == uri && uri[0] is not ('/' or '.') && !Directory.Exists(uri)) return null;
        return Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
    }

    private static void CheckTtl(RegistryOptions options, string setting, TimeSpan? value)
    {
        if (value < TimeSpan.Zero || value > TimeSpan.FromDays(1))
            throw new RegistryConfigurationException($"Registry {options.Name}: {setting} is {value}; it must be between 0 and a day.");
    }

    private static void Check(RegistryOptions options, string setting, TimeSpan value)
    {
        // Polly takes no more than a day and no less than 10 ms.
        if (value < TimeSpan.FromMilliseconds(10) || value > TimeSpan.FromDays(1))
            throw new RegistryConfigurationException($"Registry {options.Name}: {setting} is {value}; it must be between 10 ms and a day.");
    }
}

public sealed class RegistryConfigurationException(string message) : Exception(message);
