using System.Runtime.CompilerServices;
using Microsoft.Extensions.Logging;
using ModelFs.Cache;
using ModelFs.Fuse;
using ModelFs.Registries;
using ModelFs.Vfs.Content;
using ModelFs.Vfs.Files;
using ModelFs.Vfs.Freshness;
using ModelFs.Vfs.Listings;
using ModelFs.Vfs.Names;
using ModelFs.Vfs.Trees;

namespace ModelFs.Vfs;

/// <summary>What a path means: registries, models, aliases, versions, files. The mount and the command line both ask it.</summary>
/// <remarks>
/// Thread safe. It owns neither the registries nor the cache: dispose it before them. Whatever it is asked, it blocks no caller;
/// cancelling gives up waiting, and the question to the registry goes on for others.
/// </remarks>
public sealed class ModelTree : IAsyncDisposable
{
    private readonly Errands errands = new();
    private readonly Metrics metrics;
    private readonly ILogger log;

    /// <exception cref="ArgumentException">A registry's name cannot be a directory's, or is there twice.</exception>
    /// <exception cref="ArgumentOutOfRangeException">An option is out of its range.</exception>
    public ModelTree(IReadOnlyList<(string Name, IRegistry Registry)> registries, BlockCache cache, TreeOptions options, ILoggerFactory logs, TimeProvider time)
    {
        options.Check();
        foreach (var (name, _) in registries)
        {
            if (EscapedName.EscapeToString(name) != name)
                throw new ArgumentException($"'{name}' cannot be the name of a directory", nameof(registries));
            if (registries.Count(other => other.Name == name) > 1)
                throw new ArgumentException($"there are two registries named '{name}'", nameof(registries));
        }

        log = logs.CreateLogger<ModelTree>();
        Cache = cache;
        Options = options;
        Time = time;
        Names = [.. registries.Select(registry => registry.Name)];
        Registries =
        [
            .. from registry in registries
               where registry.Registry is IModelRegistry
               select new KeptRegistry(registry.Name, (IModelRegistry)registry.Registry, cache.Metadata, options, errands, time, log),
        ];
        Trees =
        [
            .. from registry in registries
               where registry.Registry is IFileTree
               select new KeptTree(registry.Name, (IFileTree)registry.Registry, cache.Metadata, options, errands, time, log),
        ];
        metrics = new Metrics([.. Registries.Select(registry => (registry.Name, registry.Health)), .. Trees.Select(tree => (tree.Name, tree.Health))]);
    }

    /// <summary>Of all registries, as they were configured.</summary>
    internal IReadOnlyList<string> Names { get; }

    internal KeptRegistry[] Registries { get; }

    internal KeptTree[] Trees { get; }

    internal BlockCache Cache { get; }

    internal TreeOptions Options { get; }

    internal OpenCounters Opens => metrics.Opens;

    /// <summary>Of the mount; null where there is none.</summary>
    internal Passthrough? Passthrough { get; set; }

    internal TimeProvider Time { get; }

    /// <summary>Walks a path (<c>MLFLOW/iris/champion/MLmodel</c>, escaped names, no leading slash needed).</summary>
    /// <param name="followLast">Whether a symlink at the end is followed, as <c>stat</c> does and <c>lstat</c> does not.</param>
    public ValueTask<TreeResult<TreeNode>> ResolveAsync(string path, bool followLast, CancellationToken cancellation) =>
        new PathWalk(Names, Registries, Trees, cancellation).WalkAsync(path, followLast);

    /// <summary>The children of a directory, in order; pages of a huge one arrive as they are asked for. A failure is the last item.</summary>
    public IAsyncEnumerable<TreeResult<TreeNode>> ListAsync(TreeNode directory, CancellationToken cancellation) => directory switch
    {
        RootNode => Names.Select(name => Ok(new RegistryNode(name))).ToAsyncEnumerable(),
        RegistryNode node when FindTree(node.Registry) is { } tree => TreeListing.ListAsync(tree, node.Path, "", cancellation),
        TreeDirectoryNode node => TreeListing.ListAsync(FindTree(node.Registry)!, node.Path, node.Directory, cancellation),
        RegistryNode node => ListAsync(node, "", Find(node.Registry).ListModelsAsync(cancellation), cancellation),
        ModelNode node => ListAsync(node, node.Model.Name, Find(node.Registry).ListChildrenAsync(node.Model.Name, cancellation), cancellation),
        VersionNode node => ListVersionAsync(node, cancellation),
        DirectoryNode node => ListFilesAsync(node, cancellation),
        _ => new[] { Fail(Errno.ENOTDIR, $"{directory.Path} is no directory") }.ToAsyncEnumerable(),
    };

    /// <summary>Opens a file's content. Returns at once.</summary>
    public ObjectHandle Open(ContentNode node) => node switch
    {
        FileNode file => Open(Find(file.Registry), file.Manifest.Version, file.File),
        TreeFileNode file => Open(FindTree(file.Registry)!, file.File),
        _ => throw new ArgumentException($"{node.GetType()} has no content", nameof(node)),
    };

    /// <summary>The object of the cache that holds a file's content.</summary>
    public ObjectDescriptor Describe(ContentNode node) => node switch
    {
        FileNode file => ObjectIdentity.Describe(file.Registry, file.Manifest.Version, file.File),
        TreeFileNode file => ObjectIdentity.Describe(file.Registry, FindTree(file.Registry)!.Tree.Description, file.File),
        _ => throw new ArgumentException($"{node.GetType()} has no content", nameof(node)),
    };

    /// <summary>What the cache holds of a file.</summary>
    public ValueTask<ObjectState> GetStateAsync(ContentNode file) => Cache.GetStateAsync(Describe(file).Key);

    /// <summary>How the next open of a file reads, as <c>user.modelfs.mode</c> says it: <c>passthrough</c> or <c>sealed</c>, if it is complete, else <c>lazy</c>.</summary>
    public ValueTask<string> GetModeAsync(ContentNode file) =>
        Passthrough is { } mounted ? mounted.ModeAsync(Describe(file).Key) : Passthrough.ModeWithoutAsync(Cache, Describe(file).Key);

    /// <summary>A file itself, or all files below a directory; links are not followed, since what they point to is listed too.</summary>
    public async IAsyncEnumerable<TreeResult<ContentNode>> ListFilesBelowAsync(TreeNode node, [EnumeratorCancellation] CancellationToken cancellation)
    {
        if (node is ContentNode file)
        {
            yield return new(file, Errno.None, null);
            yield break;
        }

        await foreach (var child in ListAsync(node, cancellation).ConfigureAwait(false))
        {
            if (child.Value is null)
                yield return new(null, child.Error, child.Message);
            if (child.Value is null or AliasNode)
                continue;
            await foreach (var below in ListFilesBelowAsync(child.Value, cancellation).ConfigureAwait(false))
                yield return below;
        }
    }

    /// <summary>When a registry last said what is known of a place, and when it told the files of its version; null where that is not known or nothing was asked.</summary>
    public ValueTask<(DateTimeOffset? Asked, DateTimeOffset? Files)> GetAnswerTimesAsync(TreeNode node, CancellationToken cancellation) =>
        Registries.FirstOrDefault(registry => registry.Name == node.Path.Split('/')[0])?.GetAnswerTimesAsync(node, cancellation) ?? default;

    /// <summary>Ends the questions under way, and waits for answers that are on their way to the disk.</summary>
    public ValueTask DisposeAsync()
    {
        metrics.Dispose();
        return errands.DisposeAsync();
    }

    internal ObjectHandle Open(KeptRegistry registry, ModelVersion version, ManifestFile file)
    {
        var descriptor = ObjectIdentity.Describe(registry.Name, version, file);
        return Cache.Open(descriptor, new RegistrySource(registry, version, file, $"{registry.Name}/{descriptor.Name}", log));
    }

    internal ObjectHandle Open(KeptTree tree, TreeFile file) =>
        Cache.Open(ObjectIdentity.Describe(tree.Name, tree.Tree.Description, file), new TreeSource(tree, file, log));

    private static async IAsyncEnumerable<TreeResult<TreeNode>> ListAsync(
        TreeNode directory, string model, ValueTask<Answer<Listing>> question, [EnumeratorCancellation] CancellationToken cancellation)
    {
        var (path, registry) = (directory.Path, directory.Path.Split('/')[0]);
        var answer = await question.ConfigureAwait(false);
        if (answer.Value is not { } listing)
        {
            yield return Fail(Errnos.Of(answer.Error!), $"{path}: {answer.Error!.Message}");
            yield break;
        }

        for (var i = 0; ; i++)
        {
            if (!listing.TryGet(i, out var entry))
            {
                if (await listing.EnsureAsync(i, cancellation).ConfigureAwait(false) is { } error)
                    yield return Fail(Errnos.Of(error), $"{path}: {error.Message}");
                if (!listing.TryGet(i, out entry))
                    yield break;
            }

            yield return Ok(PathWalk.NodeOf(path, registry, model, entry));
        }
    }

    private async IAsyncEnumerable<TreeResult<TreeNode>> ListVersionAsync(VersionNode node, [EnumeratorCancellation] CancellationToken cancellation)
    {
        var answer = await Find(node.Registry).GetContentAsync(ContentKey.Of(node.Version), cancellation).ConfigureAwait(false);
        if (answer.Value is not { } content)
        {
            yield return Fail(Errnos.Of(answer.Error!), $"{node.Path}: {answer.Error!.Message}");
            yield break;
        }

        foreach (var child in PathWalk.ChildrenOf(node.Path, node.Registry, content, 0))
            yield return Ok(child);
    }

    private async IAsyncEnumerable<TreeResult<TreeNode>> ListFilesAsync(DirectoryNode node, [EnumeratorCancellation] CancellationToken cancellation)
    {
        var registry = Find(node.Path.Split('/')[0]);
        var answer = await registry.GetContentAsync(ContentKey.Of(node.Manifest.Version), cancellation).ConfigureAwait(false);
        if (answer.Value is not { } content)
        {
            yield return Fail(Errnos.Of(answer.Error!), $"{node.Path}: {answer.Error!.Message}");
            yield break;
        }

        var index = content.FindPath(node.Directory);
        if (index < 0 || !content.IsDirectory(index))
        {
            yield return Fail(Errno.ENOENT, $"{node.Path} is no longer there");
            yield break;
        }

        foreach (var child in PathWalk.ChildrenOf(node.Path, registry.Name, content, index))
            yield return Ok(child);
    }

    private KeptTree? FindTree(string name) => Trees.FirstOrDefault(tree => tree.Name == name);

    private KeptRegistry Find(string name) =>
        Registries.FirstOrDefault(registry => registry.Name == name) ?? throw new ArgumentException($"'{name}' is no registry of this tree", nameof(name));

    private static TreeResult<TreeNode> Ok(TreeNode node) => new(node, Errno.None, null);

    private static TreeResult<TreeNode> Fail(Errno error, string message) => new(null, error, message);
}
