using System.Buffers.Binary;
using System.Text.Json;
using ModelFs.Cache;

namespace ModelFs.Vfs.Freshness;

/// <summary>An answer as it was found on disk.</summary>
/// <param name="Value">Null when the answer was that there is no such thing.</param>
/// <param name="Asked">By the clock on the wall: the only one that goes on over a restart.</param>
internal sealed record StoredAnswer<T>(T? Value, DateTimeOffset Asked)
    where T : class;

/// <summary>Keeps answers of one kind over a restart.</summary>
/// <param name="origin">The registry's name and address: another server under the same name is asked anew.</param>
/// <param name="encode">The bytes of a value, or null for one that is not worth keeping. Equal values have equal bytes.</param>
/// <param name="decode">The value of those bytes; null or a <see cref="JsonException"/> for what another version of this program wrote.</param>
/// <remarks>A file is <c>format (1 byte), absent or present (1), asked, in ms since 1970 (8, little endian), value</c>.</remarks>
internal sealed class AnswerFile<T>(MetadataStore store, string kind, string origin, Func<T, byte[]?> encode, Func<ReadOnlyMemory<byte>, T?> decode)
    where T : class
{
    private const byte Format = 1;
    private const int HeaderLength = 10;

    /// <inheritdoc cref="MetadataStore.Patience"/>
    public TimeSpan Patience => store.Patience;

    public byte[]? Encode(T value) => encode(value);

    public async ValueTask<StoredAnswer<T>?> LoadAsync(string key, CancellationToken cancellation)
    {
        if (await store.GetAsync(kind, KeyOf(key), cancellation).ConfigureAwait(false) is not { } bytes)
            return null;
        if (bytes.Length < HeaderLength || bytes.Span[0] != Format)
            return null;
        var asked = DateTimeOffset.UnixEpoch.AddMilliseconds(BinaryPrimitives.ReadInt64LittleEndian(bytes.Span[2..]));
        if (bytes.Span[1] == 0)
            return new StoredAnswer<T>(null, asked);
        try
        {
            return decode(bytes[HeaderLength..]) is { } value ? new StoredAnswer<T>(value, asked) : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <param name="encoded">The value's bytes; null says that there is no such thing.</param>
    public ValueTask SaveAsync(string key, byte[]? encoded, DateTimeOffset asked)
    {
        var bytes = new byte[HeaderLength + (encoded?.Length ?? 0)];
        bytes[0] = Format;
        bytes[1] = encoded is null ? (byte)0 : (byte)1;
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(2), (long)(asked - DateTimeOffset.UnixEpoch).TotalMilliseconds);
        encoded?.CopyTo(bytes, HeaderLength);
        return store.PutAsync(kind, KeyOf(key), bytes, CancellationToken.None);
    }

    private string KeyOf(string key) => origin + "\n" + key;
}
