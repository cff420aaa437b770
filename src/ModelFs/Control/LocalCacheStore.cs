using System.Runtime.CompilerServices;
using ModelFs.Cache;
using ModelFs.Configuration;
using ModelFs.Vfs;

namespace ModelFs.Control;

/// <summary>The cache that this process has open.</summary>
internal sealed class LocalCacheStore(ModelFsOptions options, Inventory inventory, ModelTree tree) : ICacheStore
{
    public async Task<CacheInfoReport> GetInfoAsync(CancellationToken cancellation) =>
        new(await inventory.SumUpAsync(cancellation), options.Registries.ToDictionary(r => r.Name, r => r.Kind));

    public async IAsyncEnumerable<CachedItem> ListAsync(string? path, [EnumeratorCancellation] CancellationToken cancellation)
    {
        var place = await PlaceAsync(path, cancellation);
        await foreach (var stored in inventory.ListAsync(place, cancellation))
            yield return CachedItem.Of(stored);
    }

    public async Task<EvictionResult> EvictAsync(EvictionRequest request, CancellationToken cancellation) =>
        await inventory.EvictAsync(request with { Path = await PlaceAsync(request.Path, cancellation) }, cancellation);

    public async IAsyncEnumerable<ScrubReport> VerifyAsync(string? path, [EnumeratorCancellation] CancellationToken cancellation)
    {
        var place = await PlaceAsync(path, cancellation);
        await foreach (var report in inventory.ScrubAsync(place, cancellation))
            yield return report;
    }

    public async Task<IReadOnlyList<PinReport>> PinAsync(string? path, CancellationToken cancellation)
    {
        var reports = new List<PinReport>();
        if (path is null)
        {
            foreach (var pin in inventory.Pins)
                reports.Add(await ReportAsync(pin, cancellation));
            return reports;
        }

        var pinned = await PinOfAsync(tree, TreePath.Of(path, options.Registries), setting: null, cancellation);
        await ChangeAsync([pinned], [], cancellation);
        return [await ReportAsync(pinned, cancellation)];
    }

    public async Task<PinReport> UnpinAsync(string path, CancellationToken cancellation)
    {
        var asked = TreePath.Of(path, options.Registries).Trim('/');
        var pin = Find(asked);
        // An alias may have moved since, and the registry may be down: what is written literally comes first.
        if (pin is null && await tree.ResolveAsync(asked, followLast: true, cancellation) is { IsOk: true, Value: { } node })
            pin = Find(node.Path);
        if (pin is null)
        {
            var setting = inventory.Pins.FirstOrDefault(p => p.Setting is not null && (p.Setting == asked || p.Name == asked))?.Setting;
            throw new CommandException(setting is not null
                ? $"{path} is pinned by the configuration (pins of {setting.Split('/')[0]}); take it out there"
                : $"{path} is not pinned; modelfs cache pin shows what is");
        }

        await ChangeAsync([], [pin], cancellation);
        return new PinReport(pin.Name, null, pin.Keys.Count, 0);

        Pin? Find(string name) => inventory.Pins.FirstOrDefault(p => p.Setting is null && p.Name == name);
    }

    /// <summary>A pin of all files at a path, where it leads now.</summary>
    /// <exception cref="CommandException">It leads nowhere, or to no version.</exception>
    public static async Task<Pin> PinOfAsync(ModelTree tree, string path, string? setting, CancellationToken cancellation)
    {
        var node = (await tree.ResolveAsync(path, followLast: true, cancellation)).OrThrow(path);
        if (node is not (FileNode or DirectoryNode))
            throw new CommandException($"{path} is no version: pin one, such as {(node is ModelNode ? node.Path : "MLFLOW/iris")}/latest");
        var keys = new List<ObjectKey>();
        await foreach (var file in tree.ListFilesBelowAsync(node, cancellation))
            keys.Add(tree.Describe(file.OrThrow(path)).Key);
        return Pin.Of(node.Path, setting, keys);
    }

    private async Task<PinReport> ReportAsync(Pin pin, CancellationToken cancellation) =>
        new(pin.Name, pin.Setting, pin.Keys.Count, await inventory.BytesOfAsync(pin, cancellation));

    private async Task ChangeAsync(IReadOnlyList<Pin> set, IReadOnlyList<Pin> remove, CancellationToken cancellation)
    {
        try
        {
            await inventory.PinAsync(set, remove, cancellation);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CommandException($"pins cannot be written: {e.Message}");
        }
    }

    /// <summary>What a path is called in the cache. It asks no registry for what it finds there as it is written.</summary>
    private async Task<string?> PlaceAsync(string? path, CancellationToken cancellation)
    {
        if (path is null)
            return null;
        var place = string.Join('/', TreePath.Of(path, options.Registries).Split('/', StringSplitOptions.RemoveEmptyEntries));
        if (place.Length == 0)
            return null;
        if (await inventory.ListAsync(place, cancellation).AnyAsync(cancellation))
            return place;
        if (options.Registries.Any(registry => registry.Name == place.Split('/')[0]))
            return (await tree.ResolveAsync(place, followLast: true, cancellation)).OrThrow(path).Path;
        throw new CommandException($"nothing of {path} is in the cache; modelfs cache ls shows what is");
    }
}
