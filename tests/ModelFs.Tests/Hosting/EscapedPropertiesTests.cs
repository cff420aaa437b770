using ModelFs.Hosting;
using Serilog;
using Serilog.Core;
using Serilog.Events;

namespace ModelFs.Tests.Hosting;

public sealed class EscapedPropertiesTests
{
    [Fact]
    public void A_name_in_a_log_line_begins_no_other_line_and_commands_no_terminal()
    {
        var lines = new Lines();
        using (var log = new LoggerConfiguration().Enrich.With<EscapedProperties>().WriteTo.Sink(lines).CreateLogger())
            log.Warning("{Path} is left out ({Count})", "evil\n\u009B2J模型", 3);
        Assert.Equal(@"""evil\u000A\u009B2J模型"" is left out (3)", Assert.Single(lines.Written));
    }

    private sealed class Lines : ILogEventSink
    {
        public List<string> Written { get; } = [];

        public void Emit(LogEvent logEvent) => Written.Add(logEvent.RenderMessage(null));
    }
}
