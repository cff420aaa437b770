using System.Threading.Channels;
using Serilog.Core;
using Serilog.Events;
using Serilog.Parsing;

namespace ModelFs.Hosting;

/// <summary>Writes the log from a thread of its own: a terminal or pipe that nobody reads stops the log, and nothing else.</summary>
internal sealed class BackgroundSink : ILogEventSink, IDisposable
{
    /// <summary>Events that wait for a slow reader; some megabytes at most. Later ones are dropped and counted.</summary>
    private const int Capacity = 4096;

    /// <summary>The last lines of a process get this long; a stuck reader must not keep it from ending.</summary>
    private static readonly TimeSpan FlushLimit = TimeSpan.FromSeconds(2);

    private static readonly MessageTemplate DroppedTemplate = new MessageTemplateParser().Parse("{Count} lines of the log were dropped: nobody read it");

    private readonly Channel<LogEvent> waiting = Channel.CreateBounded<LogEvent>(new BoundedChannelOptions(Capacity) { SingleReader = true });
    private readonly Logger target;
    private readonly Thread thread;
    private long dropped;

    public BackgroundSink(Logger target)
    {
        this.target = target;
        thread = new Thread(Write) { IsBackground = true, Name = "modelfs-log" };
        thread.Start();
    }

    public void Emit(LogEvent logEvent)
    {
        if (!waiting.Writer.TryWrite(logEvent))
            Interlocked.Increment(ref dropped);
    }

    public void Dispose()
    {
        waiting.Writer.TryComplete();
        if (thread.Join(FlushLimit))
            target.Dispose();
    }

    private void Write()
    {
        while (waiting.Reader.WaitToReadAsync().AsTask().GetAwaiter().GetResult())
        {
            while (waiting.Reader.TryRead(out var logEvent))
                target.Write(logEvent);
            if (Interlocked.Exchange(ref dropped, 0) is var count and not 0)
            {
                var property = new LogEventProperty("Count", new ScalarValue(count));
                target.Write(new LogEvent(DateTimeOffset.Now, LogEventLevel.Warning, null, DroppedTemplate, [property]));
            }
        }
    }
}
