using System.Security.Cryptography;

namespace ModelFs.Cache.Objects;

/// <summary>The SHA-256 of an object, taken along while its blocks arrive in order. What comes out of order is left to <see cref="Finish"/>.</summary>
internal sealed class PrefixHash : IDisposable
{
    private readonly Lock gate = new();
    private readonly IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private int next;

    /// <summary>The block that has to come next.</summary>
    public int Next => Volatile.Read(ref next);

    public void Append(int block, ReadOnlySpan<byte> data)
    {
        if (!gate.TryEnter())
            return;
        try
        {
            if (block != next)
                return;
            hash.AppendData(data);
            next++;
        }
        finally
        {
            gate.Exit();
        }
    }

    /// <summary>A block is fetched anew: what was hashed may not be what lies on the disk.</summary>
    public void Reset()
    {
        lock (gate)
        {
            _ = hash.GetHashAndReset();
            next = 0;
        }
    }

    /// <summary>Hashes the rest of the blocks and starts over. Null when a block cannot be read.</summary>
    public byte[]? Finish(int count, BlockReader read)
    {
        lock (gate)
        {
            bool whole = true;
            for (; next < count && whole; next++)
            {
                whole = read(next, out var data);
                if (whole)
                    hash.AppendData(data);
            }

            byte[] result = hash.GetHashAndReset();
            next = 0;
            return whole ? result : null;
        }
    }

    public void Dispose() => hash.Dispose();

    public delegate bool BlockReader(int block, out ReadOnlySpan<byte> data);
}
