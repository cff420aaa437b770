namespace ModelFs.Vfs.Listings;

/// <summary>A place in a directory that the kernel keeps: which order of entries, and how many of it are behind.</summary>
/// <remarks>
/// Bits 62 to 32 the listing's generation, 0 for a directory that never changes; bits 31 to 0 the index of the next entry,
/// <c>.</c> and <c>..</c> included.
/// </remarks>
internal readonly record struct DirectoryOffset(uint Generation, uint Index)
{
    public static DirectoryOffset Of(long offset) => new((uint)(offset >> 32), (uint)offset);

    public long Value => ((long)Generation << 32) | Index;
}
