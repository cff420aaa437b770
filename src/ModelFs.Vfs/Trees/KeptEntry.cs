using System.Text;
using ModelFs.Registries;
using ModelFs.Vfs.Listings;

namespace ModelFs.Vfs.Trees;

/// <summary>What is at a path of a tree, as it was found; one object for as long as it is the same.</summary>
internal sealed class KeptEntry(TreeEntry found)
{
    public TreeEntry Found { get; } = found;

    public TreeFile? File => Found.File;

    /// <summary>What its node id is made of; 0 until the kernel needs one.</summary>
    public uint Ordinal { get; set; }
}

/// <summary>A name in a directory of a tree. It has no node id of its own: listing a million files numbers none.</summary>
internal sealed class ListedChild(ListedName listed) : ListedEntry(listed.Name, Encoding.UTF8.GetBytes(listed.Name))
{
    public bool IsDirectory => listed.IsDirectory;

    public ListedName Listed => listed;

    public override DateTimeOffset Time => Nodes.NodeAttributes.NoTime;

    public override bool Repeats(ListedEntry other) => other is ListedChild child && Listed == child.Listed;
}

/// <summary>A directory of a tree, as it lies on disk.</summary>
internal sealed record StoredNames(uint Generation, IReadOnlyList<ListedName> Names);
