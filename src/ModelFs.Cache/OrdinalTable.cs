namespace ModelFs.Cache;

/// <summary>Gives each key a number that it keeps for ever, so that a node id can name it and a restarted daemon understands old ids.</summary>
/// <remarks>An append-only file. Memory holds 16 bytes a key at most, not the keys. Thread safe; hits in memory never block.</remarks>
public sealed class OrdinalTable
{
    /// <summary>The key's number, from 1 on; a new one is on disk (or, with a faulty disk, in memory) before this returns.</summary>
    public uint GetOrAdd(ReadOnlySpan<byte> key) => throw new NotImplementedException();

    /// <summary>The key of a number, or null for a number that was never given.</summary>
    public byte[]? Find(uint ordinal) => throw new NotImplementedException();
}
