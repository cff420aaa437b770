using ModelFs.Benchmarks.Reading;

namespace ModelFs.Benchmarks.Rigs;

/// <summary>A process of <see cref="ReaderProgram"/>.</summary>
internal sealed class Reader : IAsyncDisposable
{
    private readonly Child child;

    private Reader(Child child) => this.child = child;

    public static async Task<Reader> StartAsync(CancellationToken cancellation)
    {
        var reader = new Reader(Child.Start(Path.Combine(AppContext.BaseDirectory, "ModelFs.Benchmarks"), "reader"));
        await reader.ReplyAsync(cancellation);
        return reader;
    }

    public async Task<ReadReport> AskAsync(ReadOrder order, CancellationToken cancellation)
    {
        await child.Input.WriteLineAsync(ReadJson.Line(order));
        await child.Input.FlushAsync(cancellation);
        var report = ReadJson.Report(await ReplyAsync(cancellation));
        return report.Error is { } error ? throw new BenchmarkException($"a reader failed: {error}") : report;
    }

    public ValueTask DisposeAsync()
    {
        if (!child.HasEnded)
            child.Input.Close();
        return child.DisposeAsync();
    }

    // It dies without a word of SIGBUS, when a mapped page cannot be had.
    private async Task<string> ReplyAsync(CancellationToken cancellation) =>
        await child.Output.ReadLineAsync(cancellation) ?? throw await child.FailureAsync();
}
