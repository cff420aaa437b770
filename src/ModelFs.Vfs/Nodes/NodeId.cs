namespace ModelFs.Vfs.Nodes;

/// <summary>What the kernel calls a node by. It follows from what the node is, so that nothing has to remember it.</summary>
/// <remarks>
/// Bits 63 to 32: the ordinal of a <see cref="NodeKey"/>. Bits 31 to 4: the number within the manifest, 0 outside of one.
/// Bits 3 to 0: the generation of a file, 0 while it is fetched as it is read, 1 or more once it is sealed: the kernel reads one node
/// through us or by itself, and never both at a time. 1 is the root, as FUSE has it.
/// </remarks>
internal readonly record struct NodeId(ulong Value)
{
    private const int SealBits = 4;
    private const int OrdinalShift = 32;

    public static readonly NodeId Root = new(Fuse.FuseFileSystem.RootNode);

    public bool IsRoot => this == Root;

    public uint Ordinal => (uint)(Value >> OrdinalShift);

    public const int LastGeneration = (1 << SealBits) - 1;

    public int Generation => IsRoot ? 0 : (int)(Value & LastGeneration);

    public int Index => (int)((uint)Value >> SealBits);

    /// <summary>What <c>st_ino</c> shows: the same before and after a seal.</summary>
    public ulong Inode => IsRoot ? Value : Value & ~(ulong)LastGeneration;

    public static NodeId Of(uint ordinal, int index = 0, int generation = 0) =>
        new(((ulong)ordinal << OrdinalShift) | ((ulong)index << SealBits) | (uint)generation);
}
