using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using ModelFs.Configuration;
using Serilog;
using Serilog.Events;
using Serilog.Extensions.Logging;
using Serilog.Formatting.Json;

namespace ModelFs.Hosting;

/// <summary>The log goes to standard error: for a person on a terminal, else one JSON object a line.</summary>
internal static class Logging
{
    private const string HumanTemplate = "{Timestamp:HH:mm:ss} {Level:u3} {Message:lj}{NewLine}{Exception}";

    public static ILoggerFactory Create(ModelFsOptions options, LogLevel fallback)
    {
        var level = options.LogLevel ?? fallback;
        if (level == LogLevel.None)
            return NullLoggerFactory.Instance;
        var human = options.LogFormat == LogFormat.Human || (options.LogFormat == LogFormat.Auto && !Console.IsErrorRedirected);
        var output = new LoggerConfiguration().MinimumLevel.Verbose();
        output = human
            ? output.WriteTo.Console(outputTemplate: HumanTemplate, standardErrorFromLevel: LogEventLevel.Verbose, formatProvider: null)
            : output.WriteTo.Console(new JsonFormatter(renderMessage: true), standardErrorFromLevel: LogEventLevel.Verbose);
        var configuration = new LoggerConfiguration()
            .MinimumLevel.Is(LevelConvert.ToSerilogLevel(level))
            // The host reports a failed start with a stack trace; the program says it in one line itself.
            .MinimumLevel.Override("Microsoft", LogEventLevel.Warning)
            .MinimumLevel.Override("Microsoft.Extensions.Hosting", LogEventLevel.Fatal)
            .Enrich.With<EscapedProperties>()
            .WriteTo.Sink(new BackgroundSink(output.CreateLogger()));
        return new SerilogLoggerFactory(configuration.CreateLogger(), dispose: true);
    }
}
