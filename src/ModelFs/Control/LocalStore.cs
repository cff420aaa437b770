using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime.CompilerServices;
using Microsoft.Extensions.Logging;
using ModelFs.Cache;
using ModelFs.Configuration;
using ModelFs.Fuse;
using ModelFs.Prefetching;
using ModelFs.Registries;
using ModelFs.Vfs;

namespace ModelFs.Control;

/// <summary>Cache, registries and tree, opened by this process: the daemon's own, or a verb's while no daemon runs.</summary>
internal sealed class LocalStore : IStore
{
    /// <summary>Longer, and <c>status</c> would rather say that the registry does not answer.</summary>
    private static readonly TimeSpan PingTimeout = TimeSpan.FromSeconds(5);

    public static readonly string Version = typeof(LocalStore).Assembly.GetName().Version?.ToString(3) ?? "";

    private readonly ModelFsOptions options;
    private readonly BlockCache cache;
    private readonly List<(string Name, IRegistry Registry)> registries;
    private readonly long opened = Stopwatch.GetTimestamp();

    private LocalStore(ModelFsOptions options, BlockCache cache, List<(string, IRegistry)> registries, ILoggerFactory logs)
    {
        this.options = options;
        this.cache = cache;
        this.registries = registries;
        Tree = new ModelTree(registries, cache, new TreeOptions { AliasTtl = options.AliasTtl }, logs, TimeProvider.System);
        Cache = new LocalCacheStore(options, cache.Inventory, Tree);
    }

    public ModelTree Tree { get; }

    /// <summary>The paths that are kept complete, by the words they are configured in.</summary>
    public ConcurrentDictionary<string, WarmReport> Warm { get; } = new();

    public ICacheStore Cache { get; }

    public Inventory Inventory => cache.Inventory;

    /// <param name="keepsLimits">Whether what is over the limits goes at once: a daemon's affair. A verb may have other limits in mind than the daemon that filled the cache.</param>
    /// <exception cref="CacheInUseException">Another process has the cache.</exception>
    /// <exception cref="ConfigurationException">A registry cannot be what the configuration says.</exception>
    public static async Task<LocalStore> OpenAsync(ModelFsOptions options, bool keepsLimits, ILoggerFactory logs, CancellationToken cancellation)
    {
        var registries = CreateRegistries(options, logs);
        BlockCache cache;
        try
        {
            var cacheOptions = new CacheOptions
            {
                Directory = options.Cache,
                IndexDirectory = options.Index,
                MaxBytes = options.CacheSize,
                MinFreeBytes = options.MinFree,
                KeepsLimits = keepsLimits,
                Limits = options.Registries.ToDictionary(r => r.Name, r => new OwnerLimits(r.MaxBytes, r.MaxAge)),
            };
            cache = await BlockCache.OpenAsync(cacheOptions, logs, TimeProvider.System, cancellation);
        }
        catch (Exception e) when (e is not CacheInUseException and (IOException or UnauthorizedAccessException))
        {
            throw new CommandException($"the cache cannot be opened in {options.Cache}: {IoReason.Of(e, options.Cache)}; --cache DIR takes another");
        }

        return new LocalStore(options, cache, registries, logs);
    }

    public async Task<StatusReport> GetStatusAsync(CancellationToken cancellation)
    {
        var reports = await Task.WhenAll(registries.Select(r => PingAsync(r.Name, r.Registry, PingTimeout, cancellation)));
        // A cache that was opened for this answer is counted in the meantime; a very large one is not waited for, and a daemon's not again and again.
        var patience = PingTimeout - Stopwatch.GetElapsedTime(opened);
        if (patience > TimeSpan.Zero)
            await Task.WhenAny(cache.Inventory.Surveyed, Task.Delay(patience, cancellation));
        return new StatusReport(Version, null, MountPoints.All(), await MountPoints.DeadAsync(cancellation), reports, cache.Status)
        {
            Prefetch = [.. Warm.Values.OrderBy(w => w.Path, StringComparer.Ordinal)],
        };
    }

    public Task<StatReport> StatAsync(string path, CancellationToken cancellation)
    {
        var stat = new Stat(Tree, cache.Inventory, name =>
            registries.Find(r => r.Name == name) is { Registry: { } registry } ? (options.Registries.First(r => r.Name == name).Kind, registry.Description) : null);
        return stat.OfAsync(TreePath.Of(path, options.Registries), cancellation);
    }

    public async Task<EntryReport> ResolveAsync(string path, CancellationToken cancellation) =>
        Report(await FindAsync(path, cancellation));

    public async IAsyncEnumerable<EntryReport> ListAsync(string path, [EnumeratorCancellation] CancellationToken cancellation)
    {
        var node = await FindAsync(path, cancellation);
        if (node is ContentNode)
        {
            yield return Report(node);
            yield break;
        }

        var children = Tree.ListAsync(node, cancellation);
        await foreach (var child in node is ModelNode ? NewestFirstAsync(children) : children)
            yield return Report(child.OrThrow(node.Path));
    }

    /// <summary>Aliases as they come, then the versions: of hundreds, the last ones are what somebody looks for.</summary>
    private static async IAsyncEnumerable<TreeResult<TreeNode>> NewestFirstAsync(IAsyncEnumerable<TreeResult<TreeNode>> children)
    {
        var versions = new List<TreeResult<TreeNode>>();
        TreeResult<TreeNode>? failure = null;
        await foreach (var child in children)
        {
            if (child.Value is VersionNode)
                versions.Add(child);
            else if (child.IsOk)
                yield return child;
            else
                failure = child;
        }

        // Plain decimals without leading zeros: the longer one is the greater.
        foreach (var version in versions.OrderByDescending(v => v.Value!.Name.Length).ThenByDescending(v => v.Value!.Name, StringComparer.Ordinal))
            yield return version;
        if (failure is { } last)
            yield return last;
    }

    public async Task CopyAsync(string path, Func<ReadOnlyMemory<byte>, ValueTask> write, CancellationToken cancellation)
    {
        var file = await FindFileAsync(path, cancellation);
        using var handle = Tree.Open(file);
        var buffer = new byte[1 << 20];
        for (long offset = 0; ;)
        {
            var read = await handle.ReadAsync(offset, buffer, cancellation);
            if (!read.IsOk)
                throw new CommandException($"{file.Path}: reading failed at byte {offset}: {(Errno)read.Errno}");
            if (read.Value == 0)
                return;
            await write(buffer.AsMemory(0, (int)read.Value));
            offset += read.Value;
        }
    }

    public async IAsyncEnumerable<PrefetchReport> PrefetchAsync(PrefetchRequest request, [EnumeratorCancellation] CancellationToken cancellation)
    {
        await using var prefetch = new Prefetch(Tree, cache.Inventory, request.Options, cancellation);
        foreach (var path in request.Paths)
        {
            try
            {
                await prefetch.AddAsync(await FindAsync(path, cancellation));
            }
            catch (CommandException e) when (request.Paths.Count > 1)
            {
                prefetch.AddFailure(path, e.Message);
            }
        }

        await foreach (var report in prefetch.RunAsync())
            yield return report;
    }

    public async ValueTask DisposeAsync()
    {
        await Tree.DisposeAsync();
        await cache.DisposeAsync();
        foreach (var (_, registry) in registries)
            await registry.DisposeAsync();
    }

    /// <exception cref="ConfigurationException">There is none; it says how to give one.</exception>
    public static void RequireRegistries(ModelFsOptions options)
    {
        if (options.Registries.Count == 0)
            throw new ConfigurationException(
                "no registry is configured: give --registry MLFLOW=mlflow:http://HOST:5000, or set MLFLOW_TRACKING_URI, "
                + "or write registries: into a file for --config, or run this where a mlflow.db or mlruns lies");
    }

    private static List<(string, IRegistry)> CreateRegistries(ModelFsOptions options, ILoggerFactory logs)
    {
        var registries = new List<(string, IRegistry)>();
        foreach (var registry in options.Registries)
        {
            try
            {
                registries.Add((registry.Name, RegistryFactory.Create(registry, Environment.GetEnvironmentVariable, logs, TimeProvider.System)));
            }
            catch (RegistryConfigurationException e)
            {
                throw new ConfigurationException($"{e.Message.TrimEnd('.')} ({options.RegistrySources[registry.Name]})");
            }
        }

        return registries;
    }

    /// <summary>Whether one registry answers within a time.</summary>
    public Task<RegistryReport> PingAsync(string name, TimeSpan within, CancellationToken cancellation) =>
        PingAsync(name, registries.First(r => r.Name == name).Registry, within, cancellation);

    private static async Task<RegistryReport> PingAsync(string name, IRegistry registry, TimeSpan within, CancellationToken cancellation)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(within);
        var start = Stopwatch.GetTimestamp();
        string? error;
        var isWrong = false;
        try
        {
            var answer = await registry.PingAsync(limit.Token);
            error = answer.Error?.Message;
            isWrong = answer.Error is { Kind: not RegistryErrorKind.Unavailable };
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            error = $"no answer within {Duration.Format(within)}";
        }

        return new RegistryReport(name, registry.Description, error is null, Math.Round(Stopwatch.GetElapsedTime(start).TotalMilliseconds, 1), error)
        {
            IsWrong = isWrong,
            ClockSkew = registry.ClockSkew,
        };
    }

    private async Task<TreeNode> FindAsync(string path, CancellationToken cancellation) =>
        (await Tree.ResolveAsync(TreePath.Of(path, options.Registries), followLast: true, cancellation)).OrThrow(path);

    private async Task<ContentNode> FindFileAsync(string path, CancellationToken cancellation) =>
        await FindAsync(path, cancellation) as ContentNode
        ?? throw new CommandException($"{path} is a directory; modelfs ls shows what is in it");

    private static EntryReport Report(TreeNode node) => node switch
    {
        ContentNode file => new(file.Path, EntryKind.File, file.Size, file.Modified, null),
        AliasNode alias => new(alias.Path, EntryKind.Link, null, null, alias.Target),
        DirectoryNode directory => new(directory.Path, EntryKind.Directory, null, directory.Manifest.Version.Created, null),
        VersionNode version => new(version.Path, EntryKind.Directory, null, version.Version.Created, null),
        ModelNode model => new(model.Path, EntryKind.Directory, null, model.Model.Updated, null),
        _ => new(node.Path, EntryKind.Directory, null, null, null),
    };
}
