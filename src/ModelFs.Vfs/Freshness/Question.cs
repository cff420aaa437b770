using ModelFs.Registries;

namespace ModelFs.Vfs.Freshness;

/// <summary>How long answers of one kind are believed, and how they are asked for.</summary>
internal sealed record Question<TKey, T>
    where TKey : notnull
    where T : class
{
    /// <summary>Asks the registry. Gets the answer known so far, which it may give back again.</summary>
    public required Func<TKey, T?, CancellationToken, ValueTask<RegistryResult<T>>> Ask { get; init; }

    public required Func<T, TimeSpan> Ttl { get; init; }

    /// <summary>The same for the answer that there is no such thing.</summary>
    public required TimeSpan AbsentTtl { get; init; }

    /// <summary>How long a caller waits for a new answer who could have an old one.</summary>
    public required TimeSpan StaleWait { get; init; }

    public required AnswerFile<T> File { get; init; }

    /// <summary>The key in words: the file's key.</summary>
    public required Func<TKey, string> Name { get; init; }
}
