namespace ModelFs.Control;

/// <summary>The models, as the verbs ask for them: from the daemon where one runs, else from this process.</summary>
/// <remarks>Paths are paths of the tree or <c>models:/</c> URIs. Every method throws a <see cref="CommandException"/> that says what is wrong.</remarks>
internal interface IStore : IAsyncDisposable
{
    ICacheStore Cache { get; }

    Task<StatusReport> GetStatusAsync(CancellationToken cancellation);

    /// <summary>Everything known of a path; of a link, where it leads.</summary>
    Task<StatReport> StatAsync(string path, CancellationToken cancellation);

    /// <summary>Where a path leads when all its links are followed.</summary>
    Task<EntryReport> ResolveAsync(string path, CancellationToken cancellation);

    /// <summary>The children of a directory, or the file itself.</summary>
    IAsyncEnumerable<EntryReport> ListAsync(string path, CancellationToken cancellation);

    /// <summary>Hands a file's bytes to <paramref name="write"/>, in order; each piece is valid until its task completes.</summary>
    Task CopyAsync(string path, Func<ReadOnlyMemory<byte>, ValueTask> write, CancellationToken cancellation);

    /// <summary>Completes the wanted files below the paths. A path or file that fails is reported, and the others go on.</summary>
    IAsyncEnumerable<PrefetchReport> PrefetchAsync(PrefetchRequest request, CancellationToken cancellation);
}
