using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;

namespace ModelFs.Registries.Local;

/// <summary>Files of this machine that a registry may name: those beneath the configured roots, and no others.</summary>
/// <remarks>The directories may be a server's that is silent: all is done on threads of its own.</remarks>
internal sealed class LocalArtifacts(IReadOnlyList<string> roots, RegistryOptions options, ILogger log, TimeProvider time)
{
    private readonly string registry = options.Name;
    private readonly string[] roots = [.. roots.Select(Path.GetFullPath)];

    // Eight reads of 256 KiB at a time keep a server busy that is some milliseconds away.
    private readonly BlockingThreads threads = new($"{options.Name}-files", 8);

    /// <summary>Runs what may wait for these directories on the threads that may. What it opened for nobody is closed.</summary>
    public Task<RegistryResult<T>> RunAsync<T>(Func<RegistryResult<T>> call, CancellationToken cancellation) =>
        threads.RunAsync(call, cancellation, static late =>
        {
            if (late.IsOk && late.Value is ContentStream content) content.Body.Dispose();
        });

    /// <summary>Blocks. Lists all files below a directory; symbolic links, pipes and devices are left out.</summary>
    public RegistryResult<Manifest> List(ModelVersion version, string directory)
    {
        try
        {
            return Walk(version, directory);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return new RegistryError(
                RegistryErrorKind.Unavailable, $"{Shown.Quoted(directory)} cannot be listed: {Shown.Escaped(e.Message)}");
        }
    }

    private RegistryResult<Manifest> Walk(ModelVersion version, string directory)
    {
        var opened = Open(directory, isDirectory: true);
        if (opened.Error is { } error) return error;
        using var root = opened.Value;
        var builder = new ManifestBuilder();
        var waiting = new Queue<string>([""]);
        while (waiting.TryDequeue(out var below))
        {
            var inner = LocalFiles.OpenBeneath(root, below, directory: true);
            // One that is gone again since it was listed is no fault of the others.
            if (inner.Error is { Kind: RegistryErrorKind.NotFound } && below.Length > 0) continue;
            if (inner.Error is { } fault) return fault;
            using var handle = inner.Value;
            if (Collect(root, handle, below, builder, waiting) is { } refused) return refused;
        }

        var manifest = builder.Build(version);
        return manifest.Files.Count > 0
            ? manifest
            : new RegistryError(
                RegistryErrorKind.NotFound,
                $"Version {version.Version} of model {Shown.Quoted(version.Model)} has no files in {Shown.Quoted(directory)}.");
    }

    /// <summary>Blocks. Opens <c>[offset, offset + length)</c> of a file.</summary>
    public RegistryResult<ContentStream> OpenContent(string path, ManifestFile file, long offset, long length)
    {
        var opened = Open(path, isDirectory: false);
        if (opened.Error is { } error) return error;
        var result = ContentOf(opened.Value, path, file, offset, length);
        if (!result.IsOk) opened.Value.Dispose();
        return result;
    }

    private RegistryResult<ContentStream> ContentOf(SafeFileHandle handle, string path, ManifestFile file, long offset, long length)
    {
        if (LocalFiles.LengthOf(handle) is not { } total)
            return new RegistryError(RegistryErrorKind.Unsupported, $"{Shown.Quoted(path)} is no regular file.");
        if ((file.Size is { } size && size != total) || offset > total)
            return new RegistryError(
                RegistryErrorKind.Changed,
                $"{Shown.Quoted(path)} has {total} bytes where {file.Size?.ToString() ?? "more"} were listed: it was changed.");
        var modified = LocalFiles.ModifiedOf(handle);
        if (file.Modified is { } listed && modified != listed)
            return new RegistryError(
                RegistryErrorKind.Changed,
                $"{Shown.Quoted(path)} was written to at {modified?.ToString("u") ?? "a time that nobody knows"}, after its version was listed with the file of {listed:u}:"
                + " a version never changes; register what it holds now as another one.");

        var due = Math.Min(length, total - offset);
        var body = new LocalBody(handle, modified, offset, due, threads, options.StallTimeout, time, count => Metrics.Received(registry, count));
        return new ContentStream(body, offset, total);
    }

    private RegistryError? Collect(
        SafeFileHandle root, SafeFileHandle directory, string below, ManifestBuilder builder, Queue<string> waiting)
    {
        foreach (var (name, isDirectory, isLink) in LocalFiles.Entries(directory))
        {
            var path = below.Length == 0 ? name : $"{below}/{name}";
            if (isLink)
            {
                log.LocalEntryLeftOut(registry, Shown.Escaped(path), "a symbolic link");
                continue;
            }

            string? fault;
            if (isDirectory)
            {
                fault = builder.AddDirectory(path, out var isNew);
                if (isNew) waiting.Enqueue(path);
            }
            else
            {
                var opened = LocalFiles.OpenBeneath(root, path, directory: false);
                if (opened.Error is { } error)
                {
                    log.LocalEntryLeftOut(registry, Shown.Escaped(path), error.Message);
                    continue;
                }

                using var file = opened.Value;
                if (LocalFiles.LengthOf(file) is not { } length)
                {
                    log.LocalEntryLeftOut(registry, Shown.Escaped(path), "no regular file");
                    continue;
                }

                fault = builder.AddFile(path, length, LocalFiles.ModifiedOf(file));
            }

            if (fault is not null) return new RegistryError(RegistryErrorKind.Malformed, $"The directory is refused: {fault}.");
        }

        return null;
    }

    /// <summary>Opens a path beneath the one root that it lies beneath, by its text; the kernel then holds it to that.</summary>
    private RegistryResult<SafeFileHandle> Open(string path, bool isDirectory)
    {
        foreach (var root in roots)
        {
            var prefix = root.EndsWith('/') ? root : root + "/";
            if (path != root && !path.StartsWith(prefix, StringComparison.Ordinal)) continue;
            var opened = LocalFiles.OpenRoot(root);
            if (opened.Error is { } error) return error;
            using var handle = opened.Value;
            return LocalFiles.OpenBeneath(handle, path.Length <= prefix.Length ? "" : path[prefix.Length..], isDirectory);
        }

        return new RegistryError(
            RegistryErrorKind.Denied,
            $"Registry {registry} names the local path {Shown.Quoted(path)}, which lies below none of its artifactRoots"
            + $" ({(roots.Length == 0 ? "there are none" : string.Join(", ", roots))}); add the directory to them if its files may be read.");
    }
}
