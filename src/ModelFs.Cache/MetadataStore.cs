using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Logging;
using ModelFs.Cache.Disk;

namespace ModelFs.Cache;

/// <summary>Small values by key, each a file with its own checksum, replaced by rename. A damaged one reads as absent.</summary>
/// <remarks>
/// <c>&lt;index&gt;/meta/&lt;kind&gt;/&lt;2 hex&gt;/&lt;hash of the key&gt;</c>: magic and version (8), checksum over key and value (8), value.
/// Writes and reads have threads of their own: a disk that takes nothing keeps nobody from what it gives. The cache disposes of it.
/// </remarks>
public sealed class MetadataStore : IDisposable
{
    private const ulong Magic = 0x0001_4154454D53464D; // "MFSMETA", version 1
    private const int HeaderSize = 16;

    /// <summary>What waits for a disk that hangs, and what nobody waits for any more. More than that is not stored, or not looked for.</summary>
    private const long MostWaitingBytes = 16 << 20;

    /// <summary>What one takes beside its bytes, roughly.</summary>
    private const int Overhead = 512;

    private const int MostReads = 4096;

    private readonly WorkThreads readers = new("metadata-read", 2);

    /// <summary>One, so that the last value of a key is the one that stays.</summary>
    private readonly WorkThreads writer = new("metadata-write", 1);

    private readonly string root;
    private readonly Action<long> account;
    private readonly ILogger log;
    private int temporaries;
    private long waitingBytes;
    private int reads;
    private volatile bool isDropping;

    /// <param name="account">Is told by how many bytes the store has grown.</param>
    internal MetadataStore(string root, Action<long> account, ILogger log)
    {
        this.root = root;
        this.account = account;
        this.log = log;
    }

    /// <summary>How long a value is worth waiting for: not at all while the disk does not answer.</summary>
    public TimeSpan Patience => readers.PatienceNow;

    /// <summary>The disk has not taken a value, or not given one, for seconds.</summary>
    internal bool IsStalled => writer.IsStalled || readers.IsStalled;

    /// <param name="kind">A folder: <c>manifests</c>, <c>models</c> …; lower-case letters, digits and dashes.</param>
    /// <param name="key">Any text; it becomes a hash.</param>
    public async ValueTask<ReadOnlyMemory<byte>?> GetAsync(string kind, string key, CancellationToken cancellation)
    {
        string path = PathOf(kind, key);
        if (Interlocked.Increment(ref reads) > MostReads)
        {
            Interlocked.Decrement(ref reads);
            return null;
        }

        return await readers.RunAsync(() =>
        {
            Interlocked.Decrement(ref reads);
            return Get(path, key);
        }).WaitAsync(cancellation).ConfigureAwait(false);
    }

    /// <summary>Stores a value. Returns when it is stored, or will be when the disk answers. A disk that refuses is logged and otherwise ignored: metadata can be had again.</summary>
    public async ValueTask PutAsync(string kind, string key, ReadOnlyMemory<byte> value, CancellationToken cancellation)
    {
        string path = PathOf(kind, key);
        int cost = HeaderSize + value.Length + Overhead;
        if (Interlocked.Add(ref waitingBytes, cost) > MostWaitingBytes && writer.IsStalled)
        {
            Interlocked.Add(ref waitingBytes, -cost);
            if (!isDropping)
                Log.MetadataNotStored(log, kind, "the disk does not answer, and too much waits for it");
            isDropping = true;
            return;
        }

        isDropping &= writer.IsStalled;
        byte[] file = new byte[HeaderSize + value.Length];
        value.CopyTo(file.AsMemory(HeaderSize));
        BinaryPrimitives.WriteUInt64LittleEndian(file, Magic);
        BinaryPrimitives.WriteUInt64LittleEndian(file.AsSpan(8), Check(key, value.Span));
        var storing = writer.RunAsync(() =>
        {
            Put(kind, path, file);
            Interlocked.Add(ref waitingBytes, -cost);
        });
        await storing.WaitAsync(writer.PatienceNow, cancellation).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        cancellation.ThrowIfCancellationRequested();
    }

    /// <summary>What was asked for is stored first, however long that takes.</summary>
    public void Dispose()
    {
        writer.Close();
        readers.Close();
    }

    private static ReadOnlyMemory<byte>? Get(string path, string key)
    {
        byte[] file;
        try
        {
            file = File.ReadAllBytes(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }

        if (file.Length < HeaderSize || BinaryPrimitives.ReadUInt64LittleEndian(file) != Magic)
            return null;
        var value = file.AsMemory(HeaderSize);
        if (BinaryPrimitives.ReadUInt64LittleEndian(file.AsSpan(8)) != Check(key, value.Span))
            return null;
        return value;
    }

    private void Put(string kind, string path, byte[] file)
    {
        string temporary = $"{path}.{Interlocked.Increment(ref temporaries)}.tmp";
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            long before = Linux.AllocatedBytes(path);
            File.WriteAllBytes(temporary, file);
            File.Move(temporary, path, overwrite: true);
            account(((file.Length + 4095) & ~4095) - before);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Log.MetadataNotStored(log, kind, e.Message);
            DurableFile.TryDelete(temporary, log);
        }
    }

    private string PathOf(string kind, string key)
    {
        foreach (char c in kind)
        {
            if (!char.IsAsciiLetterLower(c) && !char.IsAsciiDigit(c) && c != '-')
                throw new ArgumentException($"'{kind}' is no folder name", nameof(kind));
        }

        string hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(key)).AsSpan(0, 16));
        return Path.Combine(root, kind, hash[..2], hash);
    }

    private static ulong Check(string key, ReadOnlySpan<byte> value) =>
        BlockChecksum.Compute(value) ^ BlockChecksum.Compute(Encoding.UTF8.GetBytes(key)) * 0x9E3779B97F4A7C15ul;
}
