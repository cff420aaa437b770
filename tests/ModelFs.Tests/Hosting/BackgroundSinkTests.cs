using ModelFs.Hosting;
using Serilog;
using Serilog.Core;
using Serilog.Events;

namespace ModelFs.Tests.Hosting;

public sealed class BackgroundSinkTests
{
    [Fact]
    public async Task A_log_that_nobody_reads_stops_no_thread_that_logs()
    {
        using var stuck = new StuckOutput();
        using (var log = new LoggerConfiguration().WriteTo.Sink(new BackgroundSink(new LoggerConfiguration().WriteTo.Sink(stuck).CreateLogger())).CreateLogger())
        {
            await Task.Run(() =>
            {
                for (var i = 0; i < 10_000; i++)
                    log.Information("line {Number}", i);
            }).WaitAsync(TimeSpan.FromSeconds(20));
            stuck.Release();
        }

        Assert.Contains("line 0", stuck.Lines);
        Assert.Contains(stuck.Lines, line => line.EndsWith("lines of the log were dropped: nobody read it", StringComparison.Ordinal));
        Assert.InRange(stuck.Lines.Count, 4000, 4200);
    }

    private sealed class StuckOutput : ILogEventSink, IDisposable
    {
        private readonly ManualResetEventSlim released = new();

        public List<string> Lines { get; } = [];

        public void Emit(LogEvent logEvent)
        {
            released.Wait();
            Lines.Add(logEvent.RenderMessage(null));
        }

        public void Release() => released.Set();

        public void Dispose() => released.Dispose();
    }
}
