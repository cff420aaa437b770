using Microsoft.Extensions.Logging;

namespace ModelFs;

internal static partial class Log
{
    [LoggerMessage(1, LogLevel.Information, "serving {Registries} on {MountPoint}, cache {Cache}")]
    public static partial void Serving(ILogger logger, string registries, string mountPoint, string cache);

    [LoggerMessage(2, LogLevel.Information, "{MountPoint} was unmounted from outside; ending")]
    public static partial void UnmountedFromOutside(ILogger logger, string mountPoint);

    [LoggerMessage(3, LogLevel.Information, "unmounted {MountPoint}")]
    public static partial void Unmounted(ILogger logger, string mountPoint);

    [LoggerMessage(4, LogLevel.Warning, "{Warning}")]
    public static partial void ConfigurationWarning(ILogger logger, string warning);

    [LoggerMessage(20, LogLevel.Information, "{Path} is pinned, as {Setting} is configured to be")]
    public static partial void Pinned(ILogger logger, string path, string setting);

    [LoggerMessage(21, LogLevel.Warning, "{Setting} cannot be pinned: {Reason}; it is tried again, and what was pinned stays so")]
    public static partial void PinFails(ILogger logger, string setting, string reason);

    [LoggerMessage(5, LogLevel.Warning, "{Warning}")]
    public static partial void RegistryDown(ILogger logger, string warning);

    [LoggerMessage(6, LogLevel.Information, "health and metrics on {Address}")]
    public static partial void Monitoring(ILogger logger, string address);

    [LoggerMessage(7, LogLevel.Warning, "{Path}: no link can be made or removed there: {Reason}; below the mount point everything is there all the same")]
    public static partial void NoLink(ILogger logger, string path, string reason);

    [LoggerMessage(30, LogLevel.Warning, "{Path} is not prefetched: {Reason}; it is tried again")]
    public static partial void WarmFails(ILogger logger, string path, string reason);

    [LoggerMessage(31, LogLevel.Information, "{Path} is prefetched: {Target} is complete")]
    public static partial void WarmComplete(ILogger logger, string path, string target);
}
