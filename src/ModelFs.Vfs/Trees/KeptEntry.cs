using System.Text;
using ModelFs.Cache;
using ModelFs.Registries;
using ModelFs.Vfs.Listings;

namespace ModelFs.Vfs.Trees;

/// <summary>What is at a path of a tree, as it was found; one object for as long as it is the same.</summary>
internal sealed class KeptEntry(TreeEntry found)
{
    private uint ordinal;

    public TreeEntry Found { get; } = found;

    public TreeFile? File => Found.File;

    /// <summary>What its node id is made of; 0 until the kernel needs one.</summary>
    public uint Ordinal => Volatile.Read(ref ordinal);

    /// <summary>The object of the cache that holds a file's content; there once it has an ordinal. Worked out once: a lookup asks.</summary>
    public ObjectKey Key { get; private set; }

    public void Number(uint number, ObjectKey key)
    {
        Key = key;
        Volatile.Write(ref ordinal, number);
    }
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
