using System.Threading.Channels;
using ModelFs.Cache;
using ModelFs.Configuration;
using ModelFs.Control;
using ModelFs.Vfs;

namespace ModelFs.Prefetching;

/// <summary>Completes the files below some places of the tree.</summary>
/// <remarks>What the cache already holds is not fetched again, so a second run resumes the first.</remarks>
internal sealed class Prefetch(ModelTree tree, Inventory inventory, PrefetchOptions options, CancellationToken cancellation) : IAsyncDisposable
{
    /// <summary>A file that is done is reported with the next ones: ten thousand small ones are some hundred reports.</summary>
    private static readonly TimeSpan ReportEvery = TimeSpan.FromMilliseconds(200);

    private readonly CancellationTokenSource stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
    private readonly Func<string, bool> isWanted = options.Filter();
    private readonly Dictionary<string, PrefetchFile> files = [];
    private readonly Dictionary<string, string> unlistable = [];
    private readonly Channel<FinishedFile> finished = Channel.CreateUnbounded<FinishedFile>();
    private readonly Lock gate = new();
    private readonly List<PrefetchFile> running = [];
    private long settled;
    private Task work = Task.CompletedTask;

    /// <summary>Adds a file, or all wanted files below a directory; links are not followed, since what they point to is listed too.</summary>
    public async Task AddAsync(TreeNode node)
    {
        if (node is ContentNode file)
        {
            if (isWanted(file.PathBelow))
                files.TryAdd(file.Path, new PrefetchFile(tree, file));
            return;
        }

        await foreach (var child in tree.ListAsync(node, stop.Token))
        {
            if (child is { IsOk: true, Value: { } value })
            {
                if (value is not AliasNode)
                    await AddAsync(value);
            }
            else
                AddFailure(node.Path, child.Message ?? child.Error.ToString());
        }
    }

    /// <summary>A place that cannot be fetched from, which counts as a file that failed.</summary>
    /// <param name="reason">It may begin with the path, which is not said twice.</param>
    public void AddFailure(string path, string reason) =>
        unlistable[path] = reason.StartsWith(path + ": ", StringComparison.Ordinal) ? reason[(path.Length + 2)..] : reason;

    /// <exception cref="CommandException">The files do not fit into the cache; nothing was fetched.</exception>
    public async IAsyncEnumerable<PrefetchReport> RunAsync()
    {
        if (await inventory.ShortageOfAsync([.. files.Values.Select(f => f.Descriptor)], stop.Token) is { } shortage)
            throw new CommandException(Words(shortage));
        foreach (var (path, error) in unlistable)
            finished.Writer.TryWrite(new FinishedFile(path, error));
        foreach (var file in files.Values)
            settled += await file.LookAsync();
        var report = new PrefetchReport(0, files.Count + unlistable.Count, 0, settled, files.Values.Sum(f => f.Size));
        yield return report;
        work = CompleteAllAsync();
        while (!finished.Reader.Completion.IsCompleted)
        {
            await Task.WhenAny(work, Task.Delay(ReportEvery, stop.Token));
            stop.Token.ThrowIfCancellationRequested();
            var done = new List<FinishedFile>();
            while (finished.Reader.TryRead(out var file))
                done.Add(file);
            lock (gate)
            {
                report = report with
                {
                    Files = report.Files + done.Count,
                    Failed = report.Failed + done.Count(f => f.Error is not null),
                    Bytes = settled + running.Sum(f => f.Bytes - f.BytesBefore),
                    Finished = done,
                    Running = [.. running.Select(f => new FileProgress(f.Path, f.Bytes, f.Size))],
                };
            }

            yield return report;
        }

        await work;
    }

    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync();
        await work.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        stop.Dispose();
    }

    private async Task CompleteAllAsync()
    {
        try
        {
            var jobs = Math.Clamp(files.Count, 1, options.JobsAtOnce);
            var pace = options.LimitRate is { } rate ? new Pace(rate, TimeProvider.System, jobs) : null;
            var parallel = new ParallelOptions { MaxDegreeOfParallelism = jobs, CancellationToken = stop.Token };
            await Parallel.ForEachAsync(files.Values, parallel, async (file, token) => await CompleteAsync(file, pace, token));
        }
        finally
        {
            finished.Writer.Complete();
        }
    }

    private async Task CompleteAsync(PrefetchFile file, Pace? pace, CancellationToken token)
    {
        lock (gate)
            running.Add(file);
        string? error;
        try
        {
            error = await file.CompleteAsync(pace, token);
        }
        finally
        {
            lock (gate)
            {
                running.Remove(file);
                settled += file.Bytes - file.BytesBefore;
            }
        }

        finished.Writer.TryWrite(new FinishedFile(file.Path, error));
    }

    private string Words(Shortage shortage)
    {
        var (needed, room) = (ByteSize.Format(shortage.Needed), ByteSize.Format(shortage.Room));
        var all = shortage.Owner is { } owner ? $"the files of {owner}" : Count.Of(files.Count, "file");
        var why = shortage.Limit switch
        {
            RoomLimit.Registry => $"the registry may have {room} of the cache beside what is pinned: raise its maxBytes",
            RoomLimit.FreeSpace => $"the cache's disk has room for {room} above minFree beside what is pinned: free some space",
            _ => $"the cache has room for {room} beside what is pinned: raise cacheSize",
        };
        return $"{all} of {needed} {(shortage.Owner is null && files.Count == 1 ? "does" : "do")} not fit, {why}, or choose some with --include; nothing was fetched or removed";
    }
}
