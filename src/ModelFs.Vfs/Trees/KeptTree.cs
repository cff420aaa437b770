using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using ModelFs.Cache;
using ModelFs.Registries;
using ModelFs.Vfs.Freshness;
using ModelFs.Vfs.Listings;

namespace ModelFs.Vfs.Trees;

/// <summary>A tree of files as it is known: what is at each path, and the names in each directory, with their ages, on disk and in memory.</summary>
/// <remarks>
/// What was found and what was listed is believed for <see cref="IFileTree.FoundTtl"/>, what was not for <see cref="IFileTree.AbsentTtl"/>.
/// That a listing lacks a name means nothing: servers hide some, and have them all the same.
/// </remarks>
internal sealed class KeptTree
{
    /// <summary>About 16 MB with paths of a usual length: two listings with attributes of a directory of 10 000 files ask once.</summary>
    private const int MostEntries = 32 << 10;

    /// <summary>Names in listings, over all directories: about 32 MB.</summary>
    private const long MostListedNames = 256 << 10;

    private const int MostWithdrawn = 1024;

    private readonly KeptAnswers<string, KeptEntry> entries;
    private readonly KeptAnswers<string, Listing> listings;
    private readonly RecentTable<string, TreeFile?> withdrawn = new(MostWithdrawn);
    private readonly Errands errands;
    private readonly TimeProvider time;
    private uint lastGeneration;

    public KeptTree(string name, IFileTree tree, MetadataStore store, TreeOptions options, Errands errands, TimeProvider time, ILogger log)
    {
        (Name, Tree, this.errands, this.time) = (name, tree, errands, time);
        lastGeneration = (uint)time.GetUtcNow().ToUnixTimeSeconds();
        var health = Health = new RegistryHealth(name, time, log);
        var origin = name + "\n" + tree.Description;
        entries = new KeptAnswers<string, KeptEntry>(
            new Question<string, KeptEntry>
            {
                Ask = AskAsync,
                Ttl = _ => tree.FoundTtl,
                AbsentTtl = tree.AbsentTtl,
                StaleWait = options.StaleWait,
                File = new(store, "entries", origin, entry => JsonSerializer.SerializeToUtf8Bytes(entry.Found, StoredJson.Default.TreeEntry), DecodeEntry),
                Name = path => $"{name}/{path}",
            },
            health, errands, time, log, MostEntries);
        listings = new KeptAnswers<string, Listing>(
            new Question<string, Listing>
            {
                Ask = AskNamesAsync,
                Ttl = _ => tree.FoundTtl,
                AbsentTtl = tree.AbsentTtl,
                StaleWait = options.StaleWait,
                File = new(store, "names", origin, EncodeNames, DecodeNames),
                Name = path => $"{name}/{path}",
            },
            health, errands, time, log, MostListedNames, listing => 1 + listing.Snapshot().Length);
    }

    /// <summary>The name it is configured by, and its directory's.</summary>
    public string Name { get; }

    public IFileTree Tree { get; }

    public RegistryHealth Health { get; }

    /// <summary>What a directory has under a name; the kernel may believe it for the answer's time.</summary>
    public ValueTask<Answer<KeptEntry>> FindChildAsync(string directory, ReadOnlySpan<byte> name, CancellationToken cancellation)
    {
        if (!System.Text.Unicode.Utf8.IsValid(name))
            return new(Nothing());
        var child = Encoding.UTF8.GetString(name);
        var path = TreePaths.Join(directory, child);
        if (!TreePaths.IsPath(path))
            return new(Nothing());
        // That something is a directory, its listing says well enough.
        if (!entries.TryGetFresh(path, out _) && listings.TryGetFresh(directory, out var listing) && listing.Value?.Find(child) is ListedChild { IsDirectory: true })
            return new(new Answer<KeptEntry>(new KeptEntry(new TreeEntry(path, null)), null, listing.Ttl));
        return entries.GetAsync(path, mayWait: true, cancellation);
    }

    /// <summary>The same without waiting and without a question, where it is known and believed.</summary>
    public bool TryGetFresh(string path, out Answer<KeptEntry> answer) => entries.TryGetFresh(path, out answer);

    public Listing? PeekNames(string directory) => listings.Peek(directory);

    public ValueTask<Answer<Listing>> ListAsync(string directory, CancellationToken cancellation) => listings.GetAsync(directory, mayWait: true, cancellation);

    /// <summary>Notes that the server has other content by now: the name is looked up anew, whatever it was believed to be.</summary>
    public void Withdraw(TreeFile file)
    {
        withdrawn.Set(file.Path, file);
        entries.Withdraw(file.Path, known => known.File == file);
    }

    /// <summary>Whether a newer answer than this content is known, or that it is none any more. Who opens it now wants that one.</summary>
    public bool IsSuperseded(TreeFile file) =>
        entries.Peek(file.Path) is { } known ? known.File != file : withdrawn.TryGet(file.Path, out var gone) && gone == file;

    private async ValueTask<RegistryResult<KeptEntry>> AskAsync(string path, KeptEntry? known, CancellationToken cancellation)
    {
        var found = await Tree.FindAsync(path, cancellation).ConfigureAwait(false);
        if (found.Error is { } error)
            return error;
        // A server with several machines behind it may come back to what it had before.
        if (withdrawn.TryGet(path, out _))
            withdrawn.Set(path, null);
        return known is not null && known.Found == found.Value ? known : new KeptEntry(found.Value);
    }

    private async ValueTask<RegistryResult<Listing>> AskNamesAsync(string path, Listing? known, CancellationToken cancellation)
    {
        var names = await Tree.ListAsync(path, cancellation).ConfigureAwait(false);
        if (names.Error is { } error)
            return error;
        var listing = ListingOf(NextGeneration(), names.Value, known);
        if (known is null)
            return listing;
        if (known.TryRenew(listing))
            return known;
        listing.Succeed(known);
        return listing;
    }

    /// <summary>Made of the known listing's entries where those say the same.</summary>
    private Listing ListingOf(uint generation, IReadOnlyList<ListedName> names, Listing? known) => new(
        generation,
        names.Where(listed => TreePaths.IsName(listed.Name))
            .Select(listed => known?.Find(listed.Name) is ListedChild child && child.Listed == listed ? child : new ListedChild(listed)),
        errands, time);

    private static KeptEntry? DecodeEntry(ReadOnlyMemory<byte> bytes) =>
        JsonSerializer.Deserialize(bytes.Span, StoredJson.Default.TreeEntry) is { } found ? new KeptEntry(found) : null;

    private static byte[] EncodeNames(Listing listing) => JsonSerializer.SerializeToUtf8Bytes(
        new StoredNames(listing.Generation, [.. listing.Snapshot().Cast<ListedChild>().Select(child => child.Listed)]), StoredJson.Default.StoredNames);

    private Listing? DecodeNames(ReadOnlyMemory<byte> bytes) =>
        JsonSerializer.Deserialize(bytes.Span, StoredJson.Default.StoredNames) is { } stored ? ListingOf(stored.Generation, stored.Names, null) : null;

    private uint NextGeneration()
    {
        var generation = Interlocked.Increment(ref lastGeneration) & int.MaxValue;
        return generation == 0 ? NextGeneration() : generation;
    }

    private Answer<KeptEntry> Nothing() => new(null, new RegistryError(RegistryErrorKind.NotFound, "there is nothing of this name"), Tree.AbsentTtl);
}
