using Microsoft.Extensions.Logging;

namespace ModelFs.Registries;

internal static partial class Log
{
    [LoggerMessage(1, LogLevel.Warning, "Registry {Registry}: {Address} answered {Status}; {Credentials}")]
    public static partial void CredentialsRefused(this ILogger log, string registry, string address, int status, string credentials);

    [LoggerMessage(2, LogLevel.Warning, "Registry {Registry}: {Origin} failed repeatedly ({Reason}) and is left alone for {Seconds} s")]
    public static partial void OriginDown(this ILogger log, string registry, string origin, string reason, double seconds);

    [LoggerMessage(3, LogLevel.Information, "Registry {Registry}: {Origin} answers again")]
    public static partial void OriginBack(this ILogger log, string registry, string origin);

    [LoggerMessage(4, LogLevel.Warning, "Registry {Registry}: the files of {Version} are refused: {Reason}")]
    public static partial void ManifestRefused(this ILogger log, string registry, string version, string reason);

    [LoggerMessage(5, LogLevel.Information, "Registry {Registry}: {Route} {Finding}")]
    public static partial void RouteLearned(this ILogger log, string registry, string route, string finding);

    [LoggerMessage(6, LogLevel.Warning, "Registry {Registry}: {Path} is left out: it is {Reason}")]
    public static partial void LocalEntryLeftOut(this ILogger log, string registry, string path, string reason);

    [LoggerMessage(7, LogLevel.Warning, "Registry {Registry}: {Count} entries of {Page} are left out: no file can have their names here")]
    public static partial void NamesLeftOut(this ILogger log, string registry, int count, string page);
}
