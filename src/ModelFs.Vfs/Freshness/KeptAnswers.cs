using System.Security.Cryptography;
using Microsoft.Extensions.Logging;
using ModelFs.Registries;

namespace ModelFs.Vfs.Freshness;

/// <summary>Answers of a registry to questions of one kind: fresh ones at once, expired ones renewed, the last known when it does not answer.</summary>
/// <remarks>
/// An answer is fresh until its TTL; asked for in the second half of it, it is renewed in the background. The kernel is told to
/// believe it for half the TTL or what is left of it: so a name in use is looked up here before it expires, never waits, and is
/// never older than its TTL in the kernel either. One question a key is under way at a time, and outlives whoever asked it.
/// What falls out of memory is on disk.
/// </remarks>
internal sealed class KeptAnswers<TKey, T>(
    Question<TKey, T> question, RegistryHealth health, Errands errands, TimeProvider time, ILogger log, long capacity, Func<T, long>? weigh = null)
    where TKey : notnull
    where T : class
{
    /// <summary>An unchanged answer is written again after this: a restart then knows how old it is, at a write in ten minutes.</summary>
    private static readonly TimeSpan RewriteInterval = TimeSpan.FromMinutes(10);

    private readonly RecentTable<TKey, Entry> entries = new(capacity, entry => entry.Value is { } value && weigh is not null ? weigh(value) : 1);

    /// <summary>The value if it is in memory, whatever its age.</summary>
    public T? Peek(TKey key)
    {
        if (!entries.TryGet(key, out var entry))
            return null;
        lock (entry)
            return entry.Value;
    }

    /// <summary>The answer if it is in memory and believed.</summary>
    public bool TryGetFresh(TKey key, out Answer<T> answer)
    {
        answer = default;
        if (!entries.TryGet(key, out var entry))
            return false;
        lock (entry)
        {
            if (!entry.IsKnown || Age(entry) >= Ttl(entry))
                return false;
            answer = Fresh(entry);
            return true;
        }
    }

    /// <summary>The value if it is fresh, or if a new one is on its way.</summary>
    public T? PeekCurrent(TKey key)
    {
        if (!entries.TryGet(key, out var entry))
            return null;
        lock (entry)
            return entry.IsKnown && (Age(entry) < Ttl(entry) || entry.Flight is not null) ? entry.Value : null;
    }

    /// <summary>The value as it is in memory or on disk and when it was asked for, without a question to the registry.</summary>
    public async ValueTask<(T? Value, long Asked)> GetKeptAsync(TKey key, CancellationToken cancellation)
    {
        var entry = entries.GetOrAdd(key, static _ => new Entry());
        while (true)
        {
            Task loading;
            lock (entry)
            {
                if (entry.IsLoaded)
                    return (entry.Value, entry.Asked);
                loading = entry.Flight ??= Begin(key, entry, isRefresh: false);
            }

            await loading.WaitAsync(cancellation).ConfigureAwait(false);
        }
    }

    /// <summary>Takes a value that came with the answer to another question, unless there is a newer answer or refusal.</summary>
    public void Offer(TKey key, T value, long asked)
    {
        var entry = entries.GetOrAdd(key, static _ => new Entry());
        lock (entry)
        {
            if (entry.Asked < asked)
                entry.Know(value, null, asked);
        }
    }

    /// <summary>Forgets a value that turned out to be wrong: the next caller waits for a new answer.</summary>
    public void Withdraw(TKey key, Predicate<T> isWrong)
    {
        var entry = entries.GetOrAdd(key, static _ => new Entry());
        lock (entry)
        {
            if (entry.Value is { } value && isWrong(value))
                entry.Withdraw(time.GetTimestamp());
        }
    }

    /// <summary>Stores a value that has become whole after it was given as an answer.</summary>
    public void Save(TKey key, T value) => Save(key, entries.GetOrAdd(key, static _ => new Entry()), value);

    /// <param name="mayWait">Whether a caller who could have an old answer waits for a new one at all.</param>
    public ValueTask<Answer<T>> GetAsync(TKey key, bool mayWait, CancellationToken cancellation)
    {
        var entry = entries.GetOrAdd(key, static _ => new Entry());
        int seen;
        lock (entry)
        {
            seen = entry.Settled;
            if (TryAnswer(key, entry, mayWait, seen, out var answer))
                return new(answer);
        }

        return WaitAsync(key, entry, mayWait, seen, cancellation);
    }

    private async ValueTask<Answer<T>> WaitAsync(TKey key, Entry entry, bool mayWait, int seen, CancellationToken cancellation)
    {
        while (true)
        {
            Task flight;
            TimeSpan patience;
            lock (entry)
            {
                if (TryAnswer(key, entry, mayWait, seen, out var answer))
                    return answer;
                flight = entry.Flight ??= Begin(key, entry, isRefresh: false);
                patience = Timeout.InfiniteTimeSpan;
                if (entry.IsKnown)
                    patience = TimeSpan.FromTicks(Math.Max(0, (question.StaleWait - time.GetElapsedTime(entry.Began)).Ticks));
            }

            await flight.WaitAsync(patience, time, cancellation).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            cancellation.ThrowIfCancellationRequested();
        }
    }

    /// <summary>Whether the caller can have an answer now. <paramref name="seen"/> is how many had come when it began to wait: a newer one is always good enough.</summary>
    private bool TryAnswer(TKey key, Entry entry, bool mayWait, int seen, out Answer<T> answer)
    {
        var isNews = entry.Settled != seen;
        var failedLately = entry.Failure is not null && time.GetElapsedTime(entry.FailedAt) < RegistryHealth.Pause;
        if (entry.IsKnown && (Age(entry) < Ttl(entry) || (isNews && entry.Failure is null)))
        {
            answer = Fresh(entry);
            if (!isNews && !failedLately && entry.Flight is null && Age(entry) >= Ttl(entry) / 2 && health.TryBeginRefresh())
                entry.Flight = Begin(key, entry, isRefresh: true);
            return true;
        }

        answer = default;
        if (!entry.IsLoaded)
            return false;
        if (entry.Failure is { } failure && (isNews || failedLately))
        {
            answer = entry.IsKnown ? Stale(entry) : failure;
            return true;
        }

        if (!entry.IsKnown)
            return false;
        mayWait &= health.IsWorthWaiting;
        if (mayWait)
            entry.Flight ??= Begin(key, entry, isRefresh: false);
        else if (entry.Flight is null && health.TryBeginRefresh())
            entry.Flight = Begin(key, entry, isRefresh: true);
        if (mayWait && time.GetElapsedTime(entry.Began) < question.StaleWait)
            return false;
        if (mayWait)
            health.WaitedInVain();
        answer = Stale(entry);
        return true;
    }

    private Task Begin(TKey key, Entry entry, bool isRefresh)
    {
        entry.Began = time.GetTimestamp();
        return errands.Run(async stop =>
        {
            try
            {
                if (entry.IsLoaded)
                    await AskAsync(key, entry, stop).ConfigureAwait(false);
                else
                    await LoadAsync(key, entry, stop).ConfigureAwait(false);
            }
            finally
            {
                if (isRefresh)
                    health.EndRefresh();
                lock (entry)
                    entry.Flight = null;
                entries.Weigh(key);
            }
        });
    }

    /// <summary>Looks on the disk, and does without where that hangs: the registry is asked then. What comes late is taken all the same.</summary>
    private async Task LoadAsync(TKey key, Entry entry, CancellationToken stop)
    {
        await TakeStoredAsync(key, entry, stop).WaitAsync(question.File.Patience, CancellationToken.None).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        lock (entry)
            entry.IsLoaded = true;
    }

    private async Task TakeStoredAsync(TKey key, Entry entry, CancellationToken stop)
    {
        StoredAnswer<T>? stored = null;
        try
        {
            stored = await question.File.LoadAsync(question.Name(key), stop).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // Stopping. As if nothing had been stored: the question that follows is cancelled too.
        }
        catch (Exception defect)
        {
            log.QuestionThrew(defect, question.Name(key));
        }

        if (stored is null)
            return;
        lock (entry)
        {
            // A clock that was set back makes an answer from the future: how old it is nobody knows, so it counts as expired.
            var age = time.GetUtcNow() - stored.Asked;
            var asked = age < TimeSpan.Zero ? long.MinValue / 2 : time.GetTimestamp() - (long)(age.TotalSeconds * time.TimestampFrequency);
            if (entry.Asked < asked)
                entry.Know(stored.Value, stored.Value is null ? NoLonger(key) : null, asked);
            entry.HadValue |= stored.Value is not null;
            if (entry.SavedHash is not null)
                return;
            entry.SavedAt = time.GetTimestamp();
            entry.SavedHash = Hash(stored.Value is null ? null : question.File.Encode(stored.Value));
        }
    }

    private async Task AskAsync(TKey key, Entry entry, CancellationToken stop)
    {
        T? previous;
        lock (entry)
            previous = entry.Value;
        var asked = time.GetTimestamp();
        var result = await AskSafelyAsync(key, previous, stop).ConfigureAwait(false);
        lock (entry)
        {
            entry.Settled++;
            if (result.Error is { Kind: not RegistryErrorKind.NotFound } error)
                entry.Fail(error, time.GetTimestamp());
            else
                entry.Know(result.IsOk ? result.Value : null, result.Error, asked);
        }

        if (result.Error is { Kind: not RegistryErrorKind.NotFound } failure)
        {
            health.Failed(failure);
            return;
        }

        health.Answered();
        Save(key, entry, result.IsOk ? result.Value : null);
    }

    private async ValueTask<RegistryResult<T>> AskSafelyAsync(TKey key, T? previous, CancellationToken stop)
    {
        try
        {
            return await question.Ask(key, previous, stop).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            return new RegistryError(RegistryErrorKind.Unavailable, "stopping");
        }
        catch (Exception defect)
        {
            log.QuestionThrew(defect, question.Name(key));
            return new RegistryError(RegistryErrorKind.Malformed, $"{question.Name(key)}: {defect.Message}");
        }
    }

    /// <summary>Stores what has changed. That a thing is gone is stored only where it would come back from the disk otherwise, be it with a listing.</summary>
    private void Save(TKey key, Entry entry, T? value)
    {
        // The encoding of a large listing is large too: what was given back unchanged is not encoded to find that out.
        lock (entry)
        {
            if (value is not null && ReferenceEquals(entry.SavedValue, value) && time.GetElapsedTime(entry.SavedAt) < RewriteInterval)
                return;
        }

        var encoded = value is null ? null : question.File.Encode(value);
        if (value is not null && encoded is null)
            return;
        var hash = Hash(encoded);
        lock (entry)
        {
            if (value is null && !entry.HadValue)
                return;
            if (value is not null && entry.SavedHash == hash && time.GetElapsedTime(entry.SavedAt) < RewriteInterval)
                return;
            entry.HadValue = value is not null;
            entry.SavedHash = hash;
            entry.SavedValue = value;
            entry.SavedAt = time.GetTimestamp();
        }

        var now = time.GetUtcNow();
        errands.Run(_ => question.File.SaveAsync(question.Name(key), encoded, now).AsTask());
    }

    private static UInt128? Hash(byte[]? encoded) =>
        encoded is null ? null : System.Buffers.Binary.BinaryPrimitives.ReadUInt128LittleEndian(SHA256.HashData(encoded));

    private RegistryError NoLonger(TKey key) => new(RegistryErrorKind.NotFound, $"{question.Name(key)} is not there");

    private TimeSpan Age(Entry entry) => time.GetElapsedTime(entry.Asked);

    private TimeSpan Ttl(Entry entry) => entry.Value is null ? question.AbsentTtl : question.Ttl(entry.Value);

    private Answer<T> Fresh(Entry entry)
    {
        var ttl = Ttl(entry);
        var left = ttl - Age(entry);
        var believed = left < ttl / 2 ? left : ttl / 2;
        return new(entry.Value, entry.Absence, believed > TimeSpan.Zero ? believed : TimeSpan.Zero);
    }

    private Answer<T> Stale(Entry entry)
    {
        var ttl = Ttl(entry);
        return new(entry.Value, entry.Absence, ttl < RegistryHealth.Pause ? ttl : RegistryHealth.Pause);
    }

    /// <summary>Guarded by itself.</summary>
    private sealed class Entry
    {
        public bool IsLoaded { get; set; }

        public bool IsKnown { get; private set; }

        public T? Value { get; private set; }

        public RegistryError? Absence { get; private set; }

        /// <summary>When what is known was asked for, or was taken away.</summary>
        public long Asked { get; private set; } = long.MinValue;

        public RegistryError? Failure { get; private set; }

        public long FailedAt { get; private set; }

        /// <summary>Answers and failures so far.</summary>
        public int Settled { get; set; }

        public Task? Flight { get; set; }

        public long Began { get; set; }

        /// <summary>A value was known since the last time its absence was stored.</summary>
        public bool HadValue { get; set; }

        public UInt128? SavedHash { get; set; }

        public T? SavedValue { get; set; }

        public long SavedAt { get; set; }

        public void Know(T? value, RegistryError? absence, long asked)
        {
            (IsKnown, Value, Absence, Asked, Failure) = (true, value, absence, asked, null);
            HadValue |= value is not null;
        }

        /// <summary>A registry that is down or talks nonsense leaves what is known; one that refuses takes it away.</summary>
        public void Fail(RegistryError failure, long now)
        {
            (Failure, FailedAt) = (failure, now);
            if (failure.Kind is RegistryErrorKind.Denied or RegistryErrorKind.Unsupported)
                Withdraw(now);
        }

        public void Withdraw(long now) => (IsKnown, Value, Absence, Asked) = (false, null, null, now);
    }
}
