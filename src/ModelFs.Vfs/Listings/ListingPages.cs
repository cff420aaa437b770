using System.Text.Json;
using Microsoft.Extensions.Logging;
using ModelFs.Registries;
using ModelFs.Vfs.Freshness;

namespace ModelFs.Vfs.Listings;

/// <summary>Makes listings out of a registry's pages, and out of what lies on disk.</summary>
internal sealed class ListingPages(string name, IModelRegistry registry, Errands errands, TimeProvider time, ILogger log)
{
    // Begins at the clock on the wall, so that a restart does not give an earlier run's numbers to other listings.
    private uint lastGeneration = (uint)time.GetUtcNow().ToUnixTimeSeconds();

    /// <summary>A newer listing than the known one: whole where that was whole, else as far as its first page.</summary>
    public async ValueTask<RegistryResult<Listing>> RefreshAsync(
        Listing? known, TimeSpan ttl, FetchPage fetch, Action<Listing> completed, CancellationToken cancellation)
    {
        // Somebody is reading it page by page: who comes now reads along.
        if (known is { IsComplete: false } && time.GetElapsedTime(known.Arrived) < ttl)
            return known;
        if (known is not { IsComplete: true })
        {
            var begun = new Listing(NextGeneration(), fetch, errands, time) { Completed = completed, Previous = known };
            if (await begun.EnsureAsync(0, cancellation).ConfigureAwait(false) is { } failure)
                return failure;
            // One predecessor is kept for who reads it still; a listing that never ends must not keep all of them.
            if (known is not null)
                known.Previous = null;
            return begun;
        }

        var listing = new Listing(NextGeneration(), Reusing(known, fetch), errands, time);
        if (await listing.CompleteAsync(cancellation).ConfigureAwait(false) is { } error)
            return error;
        if (known.TryRenew(listing))
            return known;
        listing.Succeed(known);
        return listing;
    }

    /// <summary>Lets go of what is known already page by page: a large registry that is listed again and again would else be in memory many times over.</summary>
    private static FetchPage Reusing(Listing known, FetchPage fetch) => async (token, cancellation) =>
    {
        var page = await fetch(token, cancellation).ConfigureAwait(false);
        return page.IsOk
            ? page.Value with { Items = [.. page.Value.Items.Select(entry => known.Find(entry.Key) is { } old && old.Repeats(entry) ? old : entry)] }
            : page;
    };

    public async ValueTask<RegistryResult<Page<ListedEntry>>> Models(string? token, CancellationToken cancellation)
    {
        var page = await registry.ListModelsAsync(token, cancellation).ConfigureAwait(false);
        return page.IsOk ? Shown(page.Value, ListedModel.Of) : page.Error!;
    }

    /// <summary>Links first, then the versions page by page.</summary>
    public FetchPage Children(string model, IReadOnlyList<ListedEntry> links) => async (token, cancellation) =>
    {
        var page = await registry.ListVersionsAsync(model, token, cancellation).ConfigureAwait(false);
        if (!page.IsOk)
            return page.Error!;
        var versions = Shown(page.Value, ListedVersion.Of);
        return token is null ? versions with { Items = [.. links, .. versions.Items] } : versions;
    };

    public static byte[]? EncodeModels(Listing listing) =>
        listing.IsComplete
            ? JsonSerializer.SerializeToUtf8Bytes(
                new StoredModels(listing.Generation, [.. listing.Snapshot().Cast<ListedModel>().Select(entry => entry.Model)]), StoredJson.Default.StoredModels)
            : null;

    public Listing? DecodeModels(ReadOnlyMemory<byte> bytes) =>
        JsonSerializer.Deserialize(bytes.Span, StoredJson.Default.StoredModels) is { } stored
            ? new(stored.Generation, stored.Models.Select(ListedModel.Of).OfType<ListedEntry>(), errands, time)
            : null;

    public static byte[]? EncodeChildren(Listing listing)
    {
        if (!listing.IsComplete)
            return null;
        var entries = listing.Snapshot();
        var links = entries.OfType<ListedLink>().Select(link => new StoredLink(link.Alias, link.Version, link.Time));
        var versions = entries.OfType<ListedVersion>().Select(version => version.Version);
        return JsonSerializer.SerializeToUtf8Bytes(new StoredChildren(listing.Generation, [.. links], [.. versions]), StoredJson.Default.StoredChildren);
    }

    public Listing? DecodeChildren(ReadOnlyMemory<byte> bytes)
    {
        if (JsonSerializer.Deserialize(bytes.Span, StoredJson.Default.StoredChildren) is not { } stored)
            return null;
        var links = stored.Links.Select(link => ListedLink.Of(link.Alias, link.Version, link.Time)).OfType<ListedEntry>();
        var versions = stored.Versions.Select(ListedVersion.Of).OfType<ListedEntry>();
        return new(stored.Generation, links.Concat(versions), errands, time);
    }

    private Page<ListedEntry> Shown<T>(Page<T> page, Func<T, ListedEntry?> show)
    {
        var entries = page.Items.Select(show).OfType<ListedEntry>().ToList();
        if (entries.Count < page.Items.Count)
            log.NamesDropped(name, page.Items.Count - entries.Count);
        return new(entries, page.NextToken);
    }

    private uint NextGeneration()
    {
        var generation = Interlocked.Increment(ref lastGeneration) & int.MaxValue;
        return generation == 0 ? NextGeneration() : generation;
    }
}
