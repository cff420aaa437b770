using System.Security.Cryptography;
using System.Text;
using ModelFs.Cache;
using ModelFs.Registries;
using ModelFs.Vfs.Names;

namespace ModelFs.Vfs.Content;

/// <summary>The files of a version as a tree of numbered nodes.</summary>
/// <remarks>
/// Node 0 is the version itself; the children of a directory follow each other, ordered by the bytes of their escaped names, and
/// directories come level by level. So the numbers follow from the manifest alone, a directory is a range, and a name is found by
/// bisection. The numbers go into node ids, which live as long as the kernel remembers them: <see cref="Fingerprint"/> says which
/// manifest they belong to.
/// </remarks>
internal sealed class ManifestTree
{
    /// <summary>Node ids have 28 bits for the number.</summary>
    public const int MostNodes = 1 << 28;

    private readonly Node[] nodes;
    private readonly byte[] names;
    private readonly long[] sizes;
    private readonly Lock gate = new();
    private ObjectKey[]? keys;

    private ManifestTree(Manifest manifest, Node[] nodes, byte[] names, UInt128 fingerprint)
    {
        Manifest = manifest;
        Fingerprint = fingerprint;
        this.nodes = nodes;
        this.names = names;
        sizes = [.. nodes.Select(node => node.File >= 0 ? manifest.Files[node.File].Size ?? -1 : 0)];
        Weight = names.Length + (nodes.Length * 48L) + manifest.Files.Sum(file => 100L + (2 * file.Path.Length) + (2 * (file.Sha256?.Length ?? 0)));
    }

    public Manifest Manifest { get; }

    /// <summary>Which paths, sizes, digests and times of writing the node numbers stand for.</summary>
    public UInt128 Fingerprint { get; }

    /// <summary>What the node ids of its nodes are made of; 0 until the kernel needs one.</summary>
    public uint Ordinal { get; set; }

    public int Count => nodes.Length;

    /// <summary>Bytes of memory, roughly.</summary>
    public long Weight { get; }

    /// <returns>The tree, or what is wrong with the manifest.</returns>
    public static RegistryResult<ManifestTree> Build(Manifest manifest)
    {
        var root = new Draft([], -1);
        for (var i = 0; i < manifest.Files.Count; i++)
        {
            if (Plant(root, manifest.Files[i], i) is { } fault)
                return new RegistryError(RegistryErrorKind.Malformed, $"{manifest.Version.Model}/{manifest.Version.Version}: {fault}");
        }

        var order = new List<Draft> { root };
        var nodes = new List<Node>();
        var names = new MemoryStream();
        for (var i = 0; i < order.Count; i++)
        {
            var draft = order[i];
            var children = draft.Children?.Values.ToArray() ?? [];
            Array.Sort(children, static (a, b) => a.Name.AsSpan().SequenceCompareTo(b.Name));
            nodes.Add(new Node((int)names.Length, draft.Name.Length, draft.Parent, order.Count, children.Length, draft.File));
            names.Write(draft.Name);
            foreach (var child in children)
                child.Parent = i;
            order.AddRange(children);
            if (order.Count > MostNodes)
                return new RegistryError(RegistryErrorKind.Malformed, $"{manifest.Version.Model}/{manifest.Version.Version}: more than {MostNodes} files and directories");
        }

        return new ManifestTree(manifest, [.. nodes], names.ToArray(), FingerprintOf(manifest));
    }

    public ReadOnlySpan<byte> Name(int node) => names.AsSpan(nodes[node].NameOffset, nodes[node].NameLength);

    public bool IsDirectory(int node) => nodes[node].File < 0;

    public int Parent(int node) => nodes[node].Parent;

    public int FirstChild(int node) => nodes[node].FirstChild;

    public int ChildCount(int node) => nodes[node].ChildCount;

    public ManifestFile File(int node) => Manifest.Files[nodes[node].File];

    /// <summary>The object of the cache that holds a file. Worked out once: a lookup asks.</summary>
    public ObjectKey KeyOf(string registry, int node)
    {
        lock (gate)
        {
            keys ??= new ObjectKey[nodes.Length];
            if (keys[node] == default)
                keys[node] = ObjectIdentity.Describe(registry, Manifest.Version, File(node)).Key;
            return keys[node];
        }
    }

    /// <summary>The file's size, or null while nobody knows.</summary>
    public long? Size(int node) => Volatile.Read(ref sizes[node]) is >= 0 and var size ? size : null;

    /// <summary>Notes a size that the registry did not tell.</summary>
    public void LearnSize(int node, long size) => Volatile.Write(ref sizes[node], size);

    /// <summary>The number of the child with this escaped name, or -1.</summary>
    public int Find(int directory, ReadOnlySpan<byte> name)
    {
        var low = nodes[directory].FirstChild;
        var high = low + nodes[directory].ChildCount - 1;
        while (low <= high)
        {
            var middle = low + ((high - low) / 2);
            var order = Name(middle).SequenceCompareTo(name);
            if (order == 0)
                return middle;
            if (order < 0)
                low = middle + 1;
            else
                high = middle - 1;
        }

        return -1;
    }

    /// <summary>The number of the node at an unescaped path, or -1.</summary>
    public int FindPath(string path)
    {
        var node = 0;
        foreach (var part in path.Split('/', StringSplitOptions.RemoveEmptyEntries))
        {
            if (EscapedName.Escape(part) is not { } name || (node = Find(node, name)) < 0)
                return -1;
        }

        return node;
    }

    /// <summary>The unescaped path of a node, empty for the version itself.</summary>
    public string PathOf(int node)
    {
        if (node == 0)
            return "";
        if (!IsDirectory(node))
            return File(node).Path;
        // A directory is there because of what is below it: its path is the beginning of any of theirs.
        var (depth, below) = (0, node);
        for (var up = node; up != 0; up = Parent(up))
            depth++;
        while (IsDirectory(below))
            below = FirstChild(below);
        return string.Join('/', File(below).Path.Split('/').Take(depth));
    }

    private static string? Plant(Draft root, ManifestFile file, int index)
    {
        if (file.Size < 0)
            return $"'{file.Path}' has a negative size";
        var at = root;
        var parts = file.Path.Split('/');
        for (var i = 0; i < parts.Length; i++)
        {
            if (EscapedName.Escape(parts[i]) is not { } name)
                return $"the path '{file.Path}' has a part that is empty or no text";
            var isFile = i == parts.Length - 1;
            at.Children ??= new Dictionary<string, Draft>(StringComparer.Ordinal);
            if (!at.Children.TryGetValue(parts[i], out var child))
                at.Children.Add(parts[i], child = new Draft(name, isFile ? index : -1));
            else if (isFile || child.File >= 0)
                return $"'{file.Path}' is there twice, or is a file and a directory";
            at = child;
        }

        return null;
    }

    private static UInt128 FingerprintOf(Manifest manifest)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var file in manifest.Files.OrderBy(file => file.Path, StringComparer.Ordinal))
            hash.AppendData(Encoding.UTF8.GetBytes($"{file.Path.Length}:{file.Path}{file.Size}:{file.Sha256}{(file.Modified is { } written ? $":{written.Ticks}" : "")};"));
        return System.Buffers.Binary.BinaryPrimitives.ReadUInt128LittleEndian(hash.GetHashAndReset());
    }

    private readonly record struct Node(int NameOffset, int NameLength, int Parent, int FirstChild, int ChildCount, int File);

    private sealed class Draft(byte[] name, int file)
    {
        public byte[] Name { get; } = name;

        public int File { get; } = file;

        public int Parent { get; set; }

        public Dictionary<string, Draft>? Children { get; set; }
    }
}
