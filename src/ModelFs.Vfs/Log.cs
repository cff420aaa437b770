using Microsoft.Extensions.Logging;
using ModelFs.Registries;

namespace ModelFs.Vfs;

internal static partial class Log
{
    [LoggerMessage(1, LogLevel.Warning, "{Registry} fails ({Kind}): {Reason}. What it last answered, {Age}, is served as far as it goes")]
    public static partial void RegistryFails(this ILogger log, string registry, RegistryErrorKind kind, string reason, string age);

    [LoggerMessage(2, LogLevel.Information, "{Registry} answers again after {Seconds:F0} s")]
    public static partial void RegistryAnswersAgain(this ILogger log, string registry, double seconds);

    [LoggerMessage(3, LogLevel.Error, "Asking for {Question} threw. That is a defect")]
    public static partial void QuestionThrew(this ILogger log, Exception defect, string question);

    [LoggerMessage(4, LogLevel.Warning, "{Registry}: {Count} entries of one page cannot be shown: their names are empty, no text, or, of versions, no number")]
    public static partial void NamesDropped(this ILogger log, string registry, int count);

    [LoggerMessage(5, LogLevel.Warning, "{File} cannot be read: {Reason}")]
    public static partial void ContentFails(this ILogger log, string file, string reason);

    [LoggerMessage(21, LogLevel.Information, "All reads come through this daemon, at about half the speed: {Reason}")]
    public static partial void ServedOnly(this ILogger log, string reason);

    [LoggerMessage(22, LogLevel.Debug, "An open is served that could have passed through: {Reason}")]
    public static partial void NotPassedThrough(this ILogger log, string reason);

    [LoggerMessage(6, LogLevel.Information, "The kernel asks for node {Node:x}, which means nothing any more: {Reason}")]
    public static partial void NodeIsStale(this ILogger log, ulong node, string reason);
}
