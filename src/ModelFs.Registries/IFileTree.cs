namespace ModelFs.Registries;

/// <summary>Files in directories, found by their path, each of which may be another one the next time. Holds no state but connections.</summary>
/// <remarks>
/// Paths are relative to the tree's root, with <c>/</c>, unescaped, empty for the root itself; see <see cref="TreePaths"/> for which there
/// can be. Every call ends within the registry's own total deadline, and says how it failed instead of throwing, but for
/// <see cref="OperationCanceledException"/>. Not found means that the server said so, never that it could not be asked.
/// </remarks>
public interface IFileTree : IRegistry
{
    /// <summary>How long a name that was found, or a listing, may be believed.</summary>
    TimeSpan FoundTtl { get; }

    /// <summary>How long it may be believed that there is nothing of a name.</summary>
    TimeSpan AbsentTtl { get; }

    /// <summary>What is at a path now.</summary>
    ValueTask<RegistryResult<TreeEntry>> FindAsync(string path, CancellationToken cancellation);

    /// <summary>The names in a directory, each once; <see cref="RegistryErrorKind.Unsupported"/> where the server tells none.</summary>
    ValueTask<RegistryResult<ListedName[]>> ListAsync(string path, CancellationToken cancellation);

    /// <summary>Opens the bytes <c>[offset, offset + length)</c> of a file. Where the origin has no ranges, the answer begins at 0 and goes to the end.</summary>
    /// <returns><see cref="RegistryErrorKind.Changed"/> when the server has other content now. Bytes of that are never returned.</returns>
    ValueTask<RegistryResult<ContentStream>> OpenAsync(TreeFile file, long offset, long length, CancellationToken cancellation);
}

/// <summary>One content of a file: what has another validator or size is another file.</summary>
/// <param name="Size">Bytes, or null where the server does not say.</param>
/// <param name="Validator">The entity tag, or else the date of the last change; where the server gives neither, when it was asked.</param>
/// <param name="Modified">Null where the server does not say.</param>
public sealed record TreeFile(string Path, long? Size, string Validator, DateTimeOffset? Modified);

/// <param name="File">Null for a directory.</param>
public sealed record TreeEntry(string Path, TreeFile? File);

/// <summary>A name as a directory lists it. What it is exactly, <see cref="IFileTree.FindAsync"/> says.</summary>
public sealed record ListedName(string Name, bool IsDirectory);
