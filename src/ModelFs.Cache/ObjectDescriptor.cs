namespace ModelFs.Cache;

/// <summary>Which content an object holds: the first 128 bits of a SHA-256 over whatever identifies it. Never holds a credential.</summary>
public readonly record struct ObjectKey(UInt128 Value)
{
    /// <summary>32 lower-case hexadecimal digits: the object's file name.</summary>
    public override string ToString() => Value.ToString("x32", null);
}

/// <param name="Size">Bytes, or null when only reading the whole of it will tell.</param>
/// <param name="Sha256">32 bytes that the content must hash to, or empty when the registry gives none.</param>
/// <param name="Owner">The registry it belongs to, for accounts and reports.</param>
/// <param name="Name">What a person calls it: its path in the registry's directory, <c>iris/2/model.pkl</c>.</param>
public sealed record ObjectDescriptor(ObjectKey Key, long? Size, ReadOnlyMemory<byte> Sha256, string Owner, string Name);
