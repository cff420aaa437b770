using ModelFs.Registries;
using ModelFs.Vfs.Nodes;

namespace ModelFs.Vfs.Trees;

/// <summary>Node keys of a tree: a directory is its path, a file its path and content. So a node's attributes follow from its key, and a file that changes becomes another node.</summary>
internal static class TreeKeys
{
    public static NodeKey Of(string registry, TreeEntry entry) => entry.File is { } file
        ? new NodeKey(
            NodeKind.TreeFile, registry, file.Path, file.Validator, file.Modified?.ToUniversalTime() ?? default, file.Size is { } size ? (UInt128)size + 1 : 0)
        : OfDirectory(registry, entry.Path);

    /// <summary>The root of a tree is its registry's directory.</summary>
    public static NodeKey OfDirectory(string registry, string path) =>
        path.Length == 0 ? new NodeKey(NodeKind.Registry, registry) : new NodeKey(NodeKind.TreeDirectory, registry, path);

    public static TreeFile FileOf(NodeKey key) =>
        new(key.Model, key.Fingerprint == 0 ? null : (long)(key.Fingerprint - 1), key.Name, key.Created == default ? null : key.Created);

    /// <summary>The path of a directory's node.</summary>
    public static string PathOf(NodeKey key) => key.Model;
}
