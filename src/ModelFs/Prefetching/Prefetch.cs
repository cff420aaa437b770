using System.Threading.Channels;
using ModelFs.Cache;
using ModelFs.Control;
using ModelFs.Fuse;
using ModelFs.Vfs;

namespace ModelFs.Prefetching;

/// <summary>Completes the files below some places of the tree.</summary>
/// <remarks>What the cache already holds is not fetched again, so a second run resumes the first.</remarks>
internal sealed class Prefetch(ModelTree tree, CancellationToken cancellation) : IAsyncDisposable
{
    /// <summary>Files at a time. One large file already uses what an origin gives; several small ones hide each other's round trips.</summary>
    private const int Concurrency = 4;

    private static readonly TimeSpan ReportEvery = TimeSpan.FromMilliseconds(250);

    private readonly CancellationTokenSource stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
    private readonly Dictionary<string, FileNode> files = [];
    private readonly Dictionary<string, string> unlistable = [];
    private readonly HashSet<ObjectHandle> open = [];
    private readonly Channel<(string Path, string? Error)> finished = Channel.CreateUnbounded<(string, string?)>();
    private long finishedBytes;
    private Task work = Task.CompletedTask;

    /// <summary>Adds a file, or all files below a directory; links are not followed, since what they point to is listed too.</summary>
    public async Task AddAsync(TreeNode node)
    {
        if (node is FileNode file)
        {
            files.TryAdd(file.Path, file);
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
                unlistable[node.Path] = child.Message ?? child.Error.ToString();
        }
    }

    public async IAsyncEnumerable<PrefetchReport> RunAsync()
    {
        foreach (var (path, error) in unlistable)
            finished.Writer.TryWrite((path, error));
        work = CompleteAllAsync();
        var total = files.Values.Sum(f => f.Size ?? 0);
        var totalFiles = files.Count + unlistable.Count;
        var (done, failed) = (0, 0);
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

            yield return new PrefetchReport(done, totalFiles, failed, Bytes(), total, file?.Path, file?.Error);
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
            var parallel = new ParallelOptions { MaxDegreeOfParallelism = Concurrency, CancellationToken = stop.Token };
            await Parallel.ForEachAsync(files.Values, parallel, CompleteAsync);
        }
        catch (Exception e)
        {
            fault = e;
        }

        finished.Writer.TryComplete(fault);
    }

    private async ValueTask CompleteAsync(FileNode file, CancellationToken token)
    {
        using var handle = tree.Open(file);
        lock (open)
            open.Add(handle);
        CacheRead result;
        try
        {
            result = await handle.CompleteAsync(token);
        }
        finally
        {
            lock (open)
            {
                open.Remove(handle);
                finishedBytes += handle.State.CachedBytes;
            }
        }

        finished.Writer.TryWrite((file.Path, result.IsOk ? null : ((Errno)result.Errno).ToString()));
    }

    private long Bytes()
    {
        lock (open)
            return finishedBytes + open.Sum(h => h.State.CachedBytes);
    }
}
