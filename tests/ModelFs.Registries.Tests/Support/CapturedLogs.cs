using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace ModelFs.Registries.Tests.Support;

/// <summary>Keeps every line that is logged, at every level, with its structured values and exceptions.</summary>
internal sealed class CapturedLogs : ILoggerFactory, ILogger
{
    public ConcurrentQueue<string> Lines { get; } = new();

    public ILogger CreateLogger(string categoryName) => this;

    public void AddProvider(ILoggerProvider provider) => throw new NotSupportedException();

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(
        LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        var values = state is IEnumerable<KeyValuePair<string, object?>> pairs ? string.Join(' ', pairs) : "";
        Lines.Enqueue($"{logLevel} {formatter(state, exception)} | {values} | {exception}");
    }

    public void Dispose()
    {
    }
}
