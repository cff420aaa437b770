using System.Diagnostics.CodeAnalysis;
using ModelFs.Registries;
using ModelFs.Vfs.Freshness;

namespace ModelFs.Vfs.Listings;

/// <summary>Fetches a page of entries; the first one for a null token.</summary>
internal delegate ValueTask<RegistryResult<Page<ListedEntry>>> FetchPage(string? token, CancellationToken cancellation);

/// <summary>The entries of a directory that a registry lists, as far as somebody has asked for them.</summary>
/// <remarks>
/// Pages are fetched when a reader gets to their end, one at a time, and are only ever added to: an index means one entry for as
/// long as the listing lives. A page that fails is tried again by the next reader. Registries page by offset, so that an entry may
/// come twice when one is added meanwhile: the second is dropped.
/// </remarks>
internal sealed class Listing
{
    /// <summary>More names than any registry has: where a registry that never ends is cut off.</summary>
    private const int MostEntries = 4 << 20;

    /// <summary>Pages in a row that may bring nothing new before the registry is taken to be going in circles.</summary>
    private const int MostIdlePages = 16;

    private readonly Lock gate = new();
    private readonly List<ListedEntry> entries = [];
    private readonly Dictionary<string, ListedEntry> byKey = new(StringComparer.Ordinal);
    private readonly FetchPage? fetch;
    private readonly Errands errands;
    private readonly TimeProvider time;
    private string? next;
    private int idlePages;
    private Task? flight;
    private RegistryError? failure;
    private long failedAt;

    public Listing(uint generation, FetchPage fetch, Errands errands, TimeProvider time)
        : this(generation, errands, time) => this.fetch = fetch;

    /// <summary>A complete listing, as it was stored.</summary>
    public Listing(uint generation, IEnumerable<ListedEntry> entries, Errands errands, TimeProvider time)
        : this(generation, errands, time)
    {
        Add(new Page<ListedEntry>([.. entries], null));
        IsComplete = true;
    }

    private Listing(uint generation, Errands errands, TimeProvider time)
    {
        Generation = generation;
        this.errands = errands;
        this.time = time;
        Begun = Arrived = time.GetTimestamp();
    }

    /// <summary>Names this order of entries in the offsets that the kernel keeps: 31 bits, never 0.</summary>
    public uint Generation { get; private set; }

    /// <summary>The one before: a reader in the middle of it goes on there.</summary>
    public Listing? Previous { get; set; }

    /// <summary>When the first page was asked for: no entry is older.</summary>
    public long Begun { get; private set; }

    /// <summary>When the last page came.</summary>
    public long Arrived { get; private set; }

    public bool IsComplete { get; private set; }

    /// <summary>Called once, when the last page has come.</summary>
    public Action<Listing>? Completed { get; set; }

    public bool TryGet(int index, [NotNullWhen(true)] out ListedEntry? entry)
    {
        lock (gate)
        {
            // A directory's offset is whatever somebody sought to.
            entry = (uint)index < entries.Count ? entries[index] : null;
            return entry is not null;
        }
    }

    public ListedEntry? Find(string key)
    {
        lock (gate)
            return byKey.GetValueOrDefault(key);
    }

    /// <summary>The entries that have come so far.</summary>
    public ListedEntry[] Snapshot()
    {
        lock (gate)
            return [.. entries];
    }

    /// <summary>Takes the place of an older complete listing: with its generation where the names are the same, so that its readers go on in this one.</summary>
    public void Succeed(Listing older)
    {
        lock (gate)
        {
            foreach (var entry in entries)
            {
                if (older.Find(entry.Key) is { Ordinal: not 0 } known && known.Time == entry.Time)
                    entry.Ordinal = known.Ordinal;
            }

            var before = older.Snapshot();
            var isSameOrder = before.Length == entries.Count && before.Zip(entries).All(pair => pair.First.Key == pair.Second.Key);
            if (isSameOrder)
                Generation = older.Generation;
            else
                Previous = older;
        }

        older.Previous = null;
    }

    /// <summary>Takes the age of a newer listing that has turned out to hold the same entries.</summary>
    /// <returns>False where it does not.</returns>
    public bool TryRenew(Listing newer)
    {
        if (!Snapshot().AsSpan().SequenceEqual(newer.Snapshot()))
            return false;
        Begun = newer.Begun;
        return true;
    }

    /// <summary>Waits until the entry has come, or there is none.</summary>
    /// <returns>Why the page cannot be had, or null.</returns>
    public async ValueTask<RegistryError?> EnsureAsync(int index, CancellationToken cancellation)
    {
        while (true)
        {
            Task wait;
            lock (gate)
            {
                if (index < entries.Count || IsComplete)
                    return null;
                if (failure is not null && time.GetElapsedTime(failedAt) < RegistryHealth.Pause)
                    return failure;
                failure = null;
                wait = flight ??= errands.Run(FetchAsync);
            }

            await wait.WaitAsync(cancellation).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            cancellation.ThrowIfCancellationRequested();
        }
    }

    /// <summary>Waits for all entries.</summary>
    public ValueTask<RegistryError?> CompleteAsync(CancellationToken cancellation) => EnsureAsync(int.MaxValue, cancellation);

    private async Task FetchAsync(CancellationToken stop)
    {
        RegistryResult<Page<ListedEntry>> result = new RegistryError(RegistryErrorKind.Unavailable, "stopping");
        try
        {
            result = await fetch!(next, stop).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // Stopping: as if the registry were down.
        }
        finally
        {
            Settle(result);
        }

        if (IsComplete)
            Completed?.Invoke(this);
    }

    private void Settle(RegistryResult<Page<ListedEntry>> result)
    {
        lock (gate)
        {
            flight = null;
            if (!result.IsOk)
            {
                (failure, failedAt) = (result.Error, time.GetTimestamp());
                return;
            }

            var isEndless = result.Value.NextToken is { } token && token == next;
            var before = entries.Count;
            Add(result.Value);
            idlePages = entries.Count == before ? idlePages + 1 : 0;
            if (isEndless || idlePages > MostIdlePages || entries.Count > MostEntries)
            {
                (failure, failedAt) = (new RegistryError(RegistryErrorKind.Malformed, $"the listing does not end: {entries.Count} entries so far"), time.GetTimestamp());
                return;
            }

            next = result.Value.NextToken;
            IsComplete = next is null;
        }
    }

    private void Add(Page<ListedEntry> page)
    {
        foreach (var entry in page.Items)
        {
            if (byKey.TryAdd(entry.Key, entry))
                entries.Add(entry);
        }

        Arrived = time.GetTimestamp();
    }
}
