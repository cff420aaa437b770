using System.Threading.Channels;
using ModelFs.Cache;
using ModelFs.Control;
using ModelFs.Fuse;
using ModelFs.Vfs;

namespace ModelFs.Prefetching;

/// <summary>Completes the files below some places of the tree.</summary>
/// <remarks>What the cache already holds is not fetched again, so a second run resumes the first.</remarks>
internal sealed class Prefetch(ModelTree tree, PrefetchOptions options, CancellationToken cancellation) : IAsyncDisposable
{
    private static readonly TimeSpan ReportEvery = TimeSpan.FromMilliseconds(250);

    private readonly CancellationTokenSource stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
    private readonly Func<string, bool> isWanted = options.Filter();
    private readonly Pace? pace = options.LimitRate is { } rate ? new Pace(rate, TimeProvider.System) : null;
    private readonly Dictionary<string, PrefetchFile> files = [];
    private readonly Dictionary<string, string> unlistable = [];
    private readonly Channel<(string Path, string? Error)> finished = Channel.CreateUnbounded<(string, string?)>();
    private Task work = Task.CompletedTask;

    /// <summary>Adds a file, or all wanted files below a directory; links are not followed, since what they point to is listed too.</summary>
    public async Task AddAsync(TreeNode node)
    {
        if (node is ContentNode file)
        {
            if (isWanted(file.PathBelow) && files.TryAdd(file.Path, new PrefetchFile(file)))
                await files[file.Path].LookAsync(tree);
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
    public void AddFailure(string path, string reason) => unlistable[path] = reason;

    public async IAsyncEnumerable<PrefetchReport> RunAsync()
    {
        foreach (var (path, error) in unlistable)
            finished.Writer.TryWrite((path, error));
        work = CompleteAllAsync();
        var total = files.Values.Sum(f => f.Size);
        var totalFiles = files.Count + unlistable.Count;
        var (done, failed) = (0, 0);
        yield return new PrefetchReport(0, totalFiles, 0, Bytes(), total);
        while (done < totalFiles)
        {
            using var tick = CancellationTokenSource.CreateLinkedTokenSource(stop.Token);
            tick.CancelAfter(ReportEvery);
            (string Path, string? Error)? file = null;
            try
            {
                file = await finished.Reader.ReadAsync(tick.Token);
            }
            catch (OperationCanceledException)
            {
                stop.Token.ThrowIfCancellationRequested();
            }

            if (file is { } f)
            {
                done++;
                failed += f.Error is null ? 0 : 1;
            }

            var running = files.Values.Where(r => r.IsOpen).Select(r => new FileProgress(r.Path, r.Bytes, r.Size)).ToList();
            yield return new PrefetchReport(done, totalFiles, failed, Bytes(), total, file?.Path, file?.Error, running);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync();
        await work.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        stop.Dispose();
    }

    private async Task CompleteAllAsync()
    {
        Exception? fault = null;
        try
        {
            var parallel = new ParallelOptions { MaxDegreeOfParallelism = options.Jobs, CancellationToken = stop.Token };
            await Parallel.ForEachAsync(files.Values, parallel, async (file, token) =>
                finished.Writer.TryWrite((file.Path, await file.CompleteAsync(tree, pace, token))));
        }
        catch (Exception e)
        {
            fault = e;
        }

        finished.Writer.TryComplete(fault);
    }

    private long Bytes() => files.Values.Sum(f => f.Bytes);
}
