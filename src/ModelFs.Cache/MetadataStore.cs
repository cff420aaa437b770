namespace ModelFs.Cache;

/// <summary>Small values by key, each a file with its own checksum, replaced by rename. A damaged one reads as absent.</summary>
public sealed class MetadataStore
{
    /// <param name="kind">A folder: <c>manifests</c>, <c>models</c> …</param>
    /// <param name="key">Any text; it becomes a hash.</param>
    public ValueTask<ReadOnlyMemory<byte>?> GetAsync(string kind, string key, CancellationToken cancellation) => throw new NotImplementedException();

    /// <summary>Stores a value. A disk that refuses is logged and otherwise ignored: metadata can be had again.</summary>
    public ValueTask PutAsync(string kind, string key, ReadOnlyMemory<byte> value, CancellationToken cancellation) => throw new NotImplementedException();
}
