using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Microsoft.Extensions.Logging;
using ModelFs.Cache;
using ModelFs.Registries;
using ModelFs.Vfs.Content;
using ModelFs.Vfs.Freshness;
using ModelFs.Vfs.Listings;
using ModelFs.Vfs.Names;

namespace ModelFs.Vfs;

internal readonly record struct VersionKey(string Model, string Version);

/// <summary>One content: a version of a model as it was created then. Whoever deletes and makes it again makes another one.</summary>
internal readonly record struct ContentKey(string Model, string Version, DateTimeOffset Created)
{
    public static ContentKey Of(ModelVersion version) => new(version.Model, version.Version, version.Created);
}

/// <summary>A registry as it is known: each answer with its age, on disk and in memory.</summary>
/// <remarks>
/// Models, aliases and listings are believed for <see cref="TreeOptions.AliasTtl"/>; that a version exists, for
/// <see cref="TreeOptions.ImmutableTtl"/>; its files for ever, unless there were none: then they may still be on their way; or until a file of
/// this machine turns out to have been written to since.
/// </remarks>
internal sealed class KeptRegistry
{
    private const int MostModels = 4096;
    private const int MostVersions = 4096;
    private const int MostModelListings = 256;
    private const long MostManifestBytes = 32 << 20;

    private readonly TreeOptions options;
    private readonly TimeProvider time;
    private readonly KeptAnswers<string, Model> models;
    private readonly KeptAnswers<string, ModelVersion> latest;
    private readonly KeptAnswers<VersionKey, ModelVersion> versions;
    private readonly KeptAnswers<ContentKey, ManifestTree> contents;
    private readonly KeptAnswers<string, Listing> modelLists;
    private readonly KeptAnswers<string, Listing> childLists;

    public KeptRegistry(string name, IModelRegistry registry, MetadataStore store, TreeOptions options, Errands errands, TimeProvider time, ILogger log)
    {
        Name = name;
        Registry = registry;
        this.options = options;
        this.time = time;
        var health = Health = new RegistryHealth(name, time, log);
        var origin = name + "\n" + registry.Description;
        var pages = new ListingPages(name, registry, errands, time, log);

        AnswerFile<T> Json<T>(string kind, JsonTypeInfo<T> type)
            where T : class =>
            new(store, kind, origin, value => JsonSerializer.SerializeToUtf8Bytes(value, type), bytes => JsonSerializer.Deserialize(bytes.Span, type));

        KeptAnswers<TKey, T> Keep<TKey, T>(
            long capacity,
            Func<TKey, T?, CancellationToken, ValueTask<RegistryResult<T>>> ask,
            Func<T, TimeSpan> ttl,
            AnswerFile<T> file,
            Func<TKey, string> name,
            Func<T, long>? weigh = null)
            where TKey : notnull
            where T : class
        {
            var question = new Question<TKey, T> { Ask = ask, Ttl = ttl, AbsentTtl = options.AliasTtl, StaleWait = options.StaleWait, File = file, Name = name };
            return new(question, health, errands, time, log, capacity, weigh);
        }

        models = Keep<string, Model>(
            MostModels,
            async (model, _, stop) => Exactly(await registry.GetModelAsync(model, stop).ConfigureAwait(false), found => found.Name == model),
            _ => options.AliasTtl,
            Json("models", StoredJson.Default.Model),
            model => $"{name}/{model}");
        latest = Keep<string, ModelVersion>(
            MostModels,
            async (model, _, stop) => Exactly(await registry.ResolveAliasAsync(model, ModelChildName.Latest, stop).ConfigureAwait(false), found => found.Model == model),
            _ => options.AliasTtl,
            Json("latest", StoredJson.Default.ModelVersion),
            model => $"{name}/{model}/{ModelChildName.Latest}");
        versions = Keep<VersionKey, ModelVersion>(
            MostVersions,
            async (key, _, stop) => Exactly(
                await registry.GetVersionAsync(key.Model, key.Version, stop).ConfigureAwait(false), found => found.Model == key.Model && found.Version == key.Version),
            _ => options.ImmutableTtl,
            Json("versions", StoredJson.Default.ModelVersion),
            key => $"{name}/{key.Model}/{key.Version}");
        contents = Keep<ContentKey, ManifestTree>(
            MostManifestBytes,
            (key, _, stop) => AskContentAsync(key, stop),
            tree => tree.Count > 1 ? TimeSpan.MaxValue : options.AliasTtl,
            new(store, "manifests", origin, EncodeContent, DecodeContent),
            key => $"{name}/{key.Model}/{key.Version} of {key.Created.UtcDateTime:O}",
            tree => tree.Weight);
        modelLists = Keep<string, Listing>(
            1,
            (_, known, stop) => pages.RefreshAsync(known, options.AliasTtl, pages.Models, listing => modelLists!.Save("", listing), stop),
            _ => options.AliasTtl,
            new(store, "listings", origin, ListingPages.EncodeModels, pages.DecodeModels),
            _ => name);
        childLists = Keep<string, Listing>(
            MostModelListings,
            AskChildrenAsync,
            _ => options.AliasTtl,
            new(store, "listings", origin, ListingPages.EncodeChildren, pages.DecodeChildren),
            model => $"{name}/{model}");

        async ValueTask<RegistryResult<Listing>> AskChildrenAsync(string model, Listing? known, CancellationToken stop)
        {
            var links = await GetLinksAsync(model, stop).ConfigureAwait(false);
            if (links.Error is { } error)
                return error;
            var fetch = pages.Children(model, links.Value);
            return await pages.RefreshAsync(known, options.AliasTtl, fetch, listing => childLists!.Save(model, listing), stop).ConfigureAwait(false);
        }
    }

    /// <summary>The name it is configured by, and its directory's.</summary>
    public string Name { get; }

    public IModelRegistry Registry { get; }

    public RegistryHealth Health { get; }

    /// <summary>A model by its entry's name. One that the listing shows needs no question of its own.</summary>
    public ValueTask<Answer<Model>> FindModelAsync(ReadOnlySpan<byte> name, CancellationToken cancellation)
    {
        switch (EscapedName.TryUnescape(name, out var model))
        {
            case NameForm.Whole:
                return PeekListed(model) is { } listed
                    ? new(new Answer<Model>(listed.Model, null, options.AliasTtl / 2))
                    : GetModelAsync(model, mayWait: true, cancellation);
            case NameForm.Shortened:
                return FindShortenedModelAsync(name.ToArray(), cancellation);
            default:
                return new(Nothing<Model>(options.AliasTtl));
        }
    }

    /// <summary>A model that needs neither a question nor the disk, by its entry's name: the listing shows it.</summary>
    public ListedModel? PeekListed(ReadOnlySpan<byte> name) =>
        EscapedName.TryUnescape(name, out var model) == NameForm.Whole ? PeekListed(model) : null;

    /// <summary>A model as it is known, at once; only one of which nothing is known is waited for.</summary>
    public ValueTask<Answer<Model>> GetKnownModelAsync(string model, CancellationToken cancellation) =>
        modelLists.PeekCurrent("")?.Find(model) is ListedModel listed
            ? new(new Answer<Model>(listed.Model, null, options.AliasTtl / 2))
            : GetModelAsync(model, mayWait: false, cancellation);

    /// <summary>A version or a link in a model's directory. A name that neither can have is answered without a question.</summary>
    public ValueTask<Answer<ListedEntry>> FindChildAsync(string model, ReadOnlySpan<byte> name, CancellationToken cancellation)
    {
        switch (EscapedName.TryUnescape(name, out var child))
        {
            case NameForm.Whole when ModelChildName.IsVersion(child):
                return FindVersionAsync(model, child, cancellation);
            case NameForm.Whole when ModelChildName.ToAlias(child) is { } alias:
                return FindLinkAsync(model, alias, null, cancellation);
            case NameForm.Shortened:
                return FindLinkAsync(model, null, name.ToArray(), cancellation);
            default:
                return new(Nothing<ListedEntry>(options.AliasTtl));
        }
    }

    /// <summary>The link of an alias, to where it points now.</summary>
    public ValueTask<Answer<ListedEntry>> GetLinkAsync(string model, string alias, CancellationToken cancellation) =>
        FindLinkAsync(model, alias, null, cancellation);

    /// <summary>When what is known of a place was asked for: what can change, and the files of a version, which cannot.</summary>
    public async ValueTask<(DateTimeOffset? Asked, DateTimeOffset? Files)> GetAnswerTimesAsync(TreeNode node, CancellationToken cancellation)
    {
        switch (node)
        {
            case ModelNode model:
                return (await ModelAsync(model.Model.Name).ConfigureAwait(false), null);
            case AliasNode { Alias: ModelChildName.Latest } alias when Of(await latest.GetKeptAsync(alias.Model, cancellation).ConfigureAwait(false)) is { } asked:
                return (asked, null);
            case AliasNode alias:
                return (await ModelAsync(alias.Model).ConfigureAwait(false), null);
            case VersionNode version:
                return (await VersionAsync(version.Version).ConfigureAwait(false), null);
            case DirectoryNode { Manifest.Version: var version }:
                return (await VersionAsync(version).ConfigureAwait(false), Of(await contents.GetKeptAsync(ContentKey.Of(version), cancellation).ConfigureAwait(false)));
            case FileNode { Manifest.Version: var version }:
                return (await VersionAsync(version).ConfigureAwait(false), Of(await contents.GetKeptAsync(ContentKey.Of(version), cancellation).ConfigureAwait(false)));
            default:
                return (Of(await modelLists.GetKeptAsync("", cancellation).ConfigureAwait(false)), null);
        }

        async ValueTask<DateTimeOffset?> ModelAsync(string model) =>
            Of(await models.GetKeptAsync(model, cancellation).ConfigureAwait(false)) ?? Of(await modelLists.GetKeptAsync("", cancellation).ConfigureAwait(false));

        async ValueTask<DateTimeOffset?> VersionAsync(ModelVersion version) =>
            Of(await versions.GetKeptAsync(new VersionKey(version.Model, version.Version), cancellation).ConfigureAwait(false))
            ?? Of(await childLists.GetKeptAsync(version.Model, cancellation).ConfigureAwait(false));

        // What was asked for before a clock was set back has no time that means anything.
        DateTimeOffset? Of<T>((T? Value, long Asked) kept)
            where T : class => kept.Value is null || kept.Asked <= long.MinValue / 2 ? null : time.GetUtcNow() - time.GetElapsedTime(kept.Asked);
    }

    public ManifestTree? PeekContent(ContentKey key) => contents.Peek(key);

    public ValueTask<Answer<ManifestTree>> GetContentAsync(ContentKey key, CancellationToken cancellation) =>
        contents.GetAsync(key, mayWait: true, cancellation);

    /// <summary>Notes that a file is another one by now than the manifest says, which is asked for anew by whoever comes next: its nodes are others then.</summary>
    public void Withdraw(ModelVersion version, ManifestFile file) => contents.Withdraw(
        ContentKey.Of(version), known => known.FindPath(file.Path) is > 0 and var node && !known.IsDirectory(node) && known.File(node) == file);

    public Listing? PeekModels() => modelLists.Peek("");

    public ValueTask<Answer<Listing>> ListModelsAsync(CancellationToken cancellation) => modelLists.GetAsync("", mayWait: true, cancellation);

    public Listing? PeekChildren(string model) => childLists.Peek(model);

    /// <summary>Versions, aliases and <c>latest</c> of a model.</summary>
    public ValueTask<Answer<Listing>> ListChildrenAsync(string model, CancellationToken cancellation) =>
        childLists.GetAsync(model, mayWait: true, cancellation);

    /// <summary>A listing that is being renewed will do: else the second "ls -l" of a large registry asks for each of its models.</summary>
    private ListedModel? PeekListed(string model) =>
        models.TryGetFresh(model, out _) ? null : modelLists.PeekCurrent("")?.Find(model) as ListedModel;

    private async ValueTask<Answer<Model>> FindShortenedModelAsync(byte[] name, CancellationToken cancellation)
    {
        var list = await ListModelsAsync(cancellation).ConfigureAwait(false);
        if (list.Value is not { } listing)
            return list.As<Model>();
        for (var i = 0; ; i++)
        {
            if (!listing.TryGet(i, out var entry))
            {
                if (await listing.EnsureAsync(i, cancellation).ConfigureAwait(false) is { } error)
                    return error;
                if (!listing.TryGet(i, out entry))
                    return Nothing<Model>(options.AliasTtl);
            }

            if (entry.Name.AsSpan().SequenceEqual(name))
                return new(((ListedModel)entry).Model, null, options.AliasTtl / 2);
        }
    }

    /// <summary>A version, by the newest of its own answer and the listing's.</summary>
    private async ValueTask<Answer<ModelVersion>> GetVersionAsync(VersionKey key, CancellationToken cancellation)
    {
        var (listing, asked) = await childLists.GetKeptAsync(key.Model, cancellation).ConfigureAwait(false);
        if (listing?.Find(key.Version) is ListedVersion listed)
            versions.Offer(key, listed.Version, Math.Min(asked, listing.Begun));
        return await versions.GetAsync(key, mayWait: true, cancellation).ConfigureAwait(false);
    }

    private async ValueTask<Answer<ListedEntry>> FindVersionAsync(string model, string version, CancellationToken cancellation)
    {
        var answer = await GetVersionAsync(new VersionKey(model, version), cancellation).ConfigureAwait(false);
        return answer.Value is { } found && ListedVersion.Of(found) is { } entry
            ? new(entry, null, options.ImmutableTtl)
            : answer.As<ListedEntry>();
    }

    /// <summary>By alias, or by the entry's name where that is shortened.</summary>
    private async ValueTask<Answer<ListedEntry>> FindLinkAsync(string model, string? alias, byte[]? name, CancellationToken cancellation)
    {
        var answer = await GetModelAsync(model, mayWait: true, cancellation).ConfigureAwait(false);
        if (answer.Value is not { } found)
            return answer.As<ListedEntry>();
        alias ??= found.Aliases.Keys.FirstOrDefault(candidate => EscapedName.Escape(ModelChildName.OfAlias(candidate)).AsSpan().SequenceEqual(name));
        if (alias is not null && found.Aliases.TryGetValue(alias, out var version))
            return ListedLink.Of(alias, version, found.Updated) is { } link ? new(link, null, answer.Ttl) : Nothing<ListedEntry>(answer.Ttl);
        if (alias != ModelChildName.Latest)
            return Nothing<ListedEntry>(answer.Ttl);

        var newest = await latest.GetAsync(model, mayWait: true, cancellation).ConfigureAwait(false);
        return newest.Value is { } last && ListedLink.Of(alias, last.Version, last.Created) is { } latestLink
            ? new(latestLink, null, newest.Ttl)
            : newest.As<ListedEntry>();
    }

    /// <summary>A model with its aliases, by the newest of its own answer and the listing's; never older than the TTL unless the registry keeps us waiting.</summary>
    private ValueTask<Answer<Model>> GetModelAsync(string model, bool mayWait, CancellationToken cancellation)
    {
        return models.TryGetFresh(model, out _) ? models.GetAsync(model, mayWait, cancellation) : GetSlowlyAsync();

        async ValueTask<Answer<Model>> GetSlowlyAsync()
        {
            var (listing, asked) = await modelLists.GetKeptAsync("", cancellation).ConfigureAwait(false);
            if (listing?.Find(model) is ListedModel listed)
                models.Offer(model, listed.Model, Math.Min(asked, listing.Begun));
            return await models.GetAsync(model, mayWait, cancellation).ConfigureAwait(false);
        }
    }

    private async ValueTask<RegistryResult<IReadOnlyList<ListedEntry>>> GetLinksAsync(string model, CancellationToken cancellation)
    {
        var answer = await GetModelAsync(model, mayWait: true, cancellation).ConfigureAwait(false);
        if (answer.Value is not { } found)
            return answer.Error!;
        var links = found.Aliases
            .OrderBy(alias => alias.Key, StringComparer.Ordinal)
            .Select(alias => ListedLink.Of(alias.Key, alias.Value, found.Updated))
            .OfType<ListedEntry>()
            .ToList();
        if (!found.Aliases.ContainsKey(ModelChildName.Latest))
        {
            var newest = await latest.GetAsync(model, mayWait: true, cancellation).ConfigureAwait(false);
            if (newest.Value is { } last && ListedLink.Of(ModelChildName.Latest, last.Version, last.Created) is { } link)
                links.Add(link);
            else if (newest.Error is { Kind: not RegistryErrorKind.NotFound } error)
                return error;
        }

        return links;
    }

    private async ValueTask<RegistryResult<ManifestTree>> AskContentAsync(ContentKey key, CancellationToken cancellation)
    {
        var answer = await GetVersionAsync(new VersionKey(key.Model, key.Version), cancellation).ConfigureAwait(false);
        if (answer.Value is not { } version)
            return answer.Error!;
        if (version.Created != key.Created)
        {
            var what = $"{Name}/{key.Model}/{key.Version} of {key.Created:O} was deleted and made again at {version.Created:O}";
            return new RegistryError(RegistryErrorKind.NotFound, what);
        }

        var manifest = await Registry.GetManifestAsync(version, cancellation).ConfigureAwait(false);
        return manifest.IsOk ? ManifestTree.Build(manifest.Value with { Version = version }) : manifest.Error!;
    }

    /// <summary>A database that takes IRIS for iris answers for another name than it was asked for: one directory must not be there under two.</summary>
    private static RegistryResult<T> Exactly<T>(RegistryResult<T> result, Func<T, bool> isWhatWasAskedFor) =>
        !result.IsOk || isWhatWasAskedFor(result.Value) ? result : new RegistryError(RegistryErrorKind.NotFound, "the registry has it under another name only");

    private static byte[] EncodeContent(ManifestTree tree) => JsonSerializer.SerializeToUtf8Bytes(tree.Manifest, StoredJson.Default.Manifest);

    private static ManifestTree? DecodeContent(ReadOnlyMemory<byte> bytes) =>
        JsonSerializer.Deserialize(bytes.Span, StoredJson.Default.Manifest) is { } manifest && ManifestTree.Build(manifest) is { IsOk: true } tree ? tree.Value : null;

    private static Answer<T> Nothing<T>(TimeSpan ttl)
        where T : class => new(null, new RegistryError(RegistryErrorKind.NotFound, "there is nothing of this name"), ttl);
}
