using ModelFs.Registries;

namespace ModelFs.Vfs;

/// <summary>A place in the tree. <see cref="Path"/> is its canonical escaped path below the mount, without a leading slash; empty for the root.</summary>
public abstract record TreeNode(string Path)
{
    /// <summary>The last part of the path, escaped: what <c>ls</c> shows.</summary>
    public string Name => Path[(Path.LastIndexOf('/') + 1)..];
}

public sealed record RootNode() : TreeNode("");

public sealed record RegistryNode(string Registry) : TreeNode(Registry);

public sealed record ModelNode(string Path, string Registry, Model Model) : TreeNode(Path);

/// <param name="Target">Relative to the link's directory: a version.</param>
/// <param name="Version">The version it points to, in the registry's words.</param>
public sealed record AliasNode(string Path, string Registry, string Model, string Alias, string Version, string Target) : TreeNode(Path);

/// <summary>A version as a model's directory lists it: nobody has asked for its files. Resolving its path gives a <see cref="DirectoryNode"/>.</summary>
public sealed record VersionNode(string Path, string Registry, ModelVersion Version) : TreeNode(Path);

/// <summary>A directory in a version, or the version itself.</summary>
public sealed record DirectoryNode(string Path, Manifest Manifest, string Directory) : TreeNode(Path);

/// <summary>What has content.</summary>
/// <param name="Size">Bytes, or null while nobody knows.</param>
/// <param name="Modified">Null where nobody says.</param>
public abstract record ContentNode(string Path, string Registry, long? Size, DateTimeOffset? Modified) : TreeNode(Path)
{
    /// <summary>Its path below its version, or in its tree of files, as the registry has it.</summary>
    public abstract string PathBelow { get; }
}

/// <summary>A file of a version.</summary>
public sealed record FileNode(string Path, string Registry, Manifest Manifest, ManifestFile File, long? Size)
    : ContentNode(Path, Registry, Size, Manifest.Version.Created)
{
    public override string PathBelow => File.Path;
}

/// <summary>A directory of a tree of files, other than the tree itself.</summary>
/// <param name="Directory">Its path below the registry.</param>
public sealed record TreeDirectoryNode(string Path, string Registry, string Directory) : TreeNode(Path);

/// <summary>One content of a file of a tree.</summary>
public sealed record TreeFileNode(string Path, string Registry, TreeFile File) : ContentNode(Path, Registry, File.Size, File.Modified)
{
    public override string PathBelow => File.Path;
}

/// <summary>A value, or why there is none: an errno, and one line for a person that says which part of the path is at fault and what there is instead.</summary>
public readonly record struct TreeResult<T>(T? Value, Fuse.Errno Error, string? Message)
{
    public bool IsOk => Error == Fuse.Errno.None;
}
