using ModelFs.Terminal;
using Serilog.Core;
using Serilog.Events;

namespace ModelFs.Hosting;

/// <summary>A log line is one line, and no command to the terminal that it is read on, whatever names stand in it.</summary>
internal sealed class EscapedProperties : ILogEventEnricher
{
    public void Enrich(LogEvent logEvent, ILogEventPropertyFactory propertyFactory)
    {
        List<LogEventProperty>? escaped = null;
        foreach (var (name, value) in logEvent.Properties)
        {
            if (value is ScalarValue { Value: string text } && text.Any(TerminalText.IsObeyed))
                (escaped ??= []).Add(new LogEventProperty(name, new ScalarValue(TerminalText.Escaped(text))));
        }

        escaped?.ForEach(logEvent.AddOrUpdateProperty);
    }
}
