using System.Runtime.CompilerServices;
using ModelFs.Cache;
using ModelFs.Control;
using ModelFs.Prefetching;

namespace ModelFs.Tests.Control;

/// <summary>A store that says what a test tells it to, and fails where it is told to.</summary>
internal sealed class ScriptedStore : IStore
{
    public List<string> Asked { get; } = [];

    public List<EntryReport> Entries { get; } = [];

    public byte[] Content { get; init; } = [];

    /// <summary>What every answer ends with, after what there is to say.</summary>
    public string? Failure { get; init; }

    public List<PrefetchReport> Prefetch { get; } = [];

    /// <summary>What the first report of a prefetch waits for, and a path that is resolved.</summary>
    public Task Held { get; init; } = Task.CompletedTask;

    /// <summary>Those of the last prefetch that was asked for.</summary>
    public PrefetchOptions? Options { get; private set; }

    public Task<StatusReport> GetStatusAsync(CancellationToken cancellation) =>
        Task.FromResult(new StatusReport("1.2.3", null, [], [], [new RegistryReport("MLFLOW", "mlflow at x", false, 3.5, "down")],
            new CacheStatus("/cache", 1, 2, 3, 4, 5, 6, 7, 8, null)));

    public ICacheStore Cache => throw new CommandException("no cache is scripted");

    public Task<StatReport> StatAsync(string path, CancellationToken cancellation) => throw new CommandException("no stat is scripted");

    public async Task<EntryReport> ResolveAsync(string path, CancellationToken cancellation)
    {
        Asked.Add(path);
        await Held.WaitAsync(cancellation);
        return Entries.Count > 0 ? Entries[0] : throw new CommandException(Failure!);
    }

    public async IAsyncEnumerable<EntryReport> ListAsync(string path, [EnumeratorCancellation] CancellationToken cancellation)
    {
        Asked.Add(path);
        foreach (var entry in Entries)
            yield return entry;
        await Task.CompletedTask;
        if (Failure is not null)
            throw new CommandException(Failure);
    }

    public async Task CopyAsync(string path, Func<ReadOnlyMemory<byte>, ValueTask> write, CancellationToken cancellation)
    {
        Asked.Add(path);
        await write(Content);
        if (Failure is not null)
            throw new CommandException(Failure);
    }

    public async IAsyncEnumerable<PrefetchReport> PrefetchAsync(PrefetchRequest request, [EnumeratorCancellation] CancellationToken cancellation)
    {
        Asked.AddRange(request.Paths);
        Options = request.Options;
        await Held.WaitAsync(cancellation);
        foreach (var report in Prefetch)
            yield return report;
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
