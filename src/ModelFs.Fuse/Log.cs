using Microsoft.Extensions.Logging;
using ModelFs.Fuse.Protocol;

namespace ModelFs.Fuse;

internal static partial class Log
{
    [LoggerMessage(1, LogLevel.Information, "kernel speaks FUSE 7.{Kernel}, agreed on 7.{Minor}, {MaxRead} bytes a read, flags {Flags}")]
    public static partial void Agreed(ILogger logger, uint kernel, uint minor, int maxRead, InitFlags flags);

    [LoggerMessage(2, LogLevel.Error, "kernel speaks FUSE {Major}.{Minor}: 7.31 (Linux 5.4) or later of major version 7 is needed")]
    public static partial void VersionRefused(ILogger logger, uint major, uint minor);

    [LoggerMessage(3, LogLevel.Warning, "a request of {Length} bytes is no FUSE request (opcode {Opcode})")]
    public static partial void MalformedRequest(ILogger logger, int length, uint opcode);

    [LoggerMessage(4, LogLevel.Error, "{Opcode} of node {Node} failed in its handler: the caller gets EIO")]
    public static partial void HandlerFailed(ILogger logger, Exception exception, FuseOpcode opcode, ulong node);

    [LoggerMessage(5, LogLevel.Debug, "{Opcode} of node {Node} failed after it was answered: {Reason}")]
    public static partial void FailedLate(ILogger logger, FuseOpcode opcode, ulong node, string reason);

    [LoggerMessage(6, LogLevel.Error, "{Opcode} of node {Node} is not answered after {Age}: the caller gets EIO")]
    public static partial void DeadlinePassed(ILogger logger, FuseOpcode opcode, ulong node, TimeSpan age);

    [LoggerMessage(7, LogLevel.Error, "READ of node {Node} answered {Count} bytes where {Size} were asked for and {Filled}: the caller gets EIO")]
    public static partial void ReadOutOfBounds(ILogger logger, ulong node, int count, int size, string filled);

    [LoggerMessage(8, LogLevel.Error, "the kernel refuses the reply to request {Unique} ({Length} bytes) with {Error}: the caller gets EIO")]
    public static partial void ReplyRefused(ILogger logger, ulong unique, int length, Errno error);

    [LoggerMessage(9, LogLevel.Debug, "a {Notification} notification was answered with {Error}")]
    public static partial void NotificationRefused(ILogger logger, FuseNotification notification, Errno error);

    [LoggerMessage(10, LogLevel.Error, "the FUSE device failed, the session ends: {Reason}")]
    public static partial void DeviceFailed(ILogger logger, string reason);

    [LoggerMessage(11, LogLevel.Information, "{MountPoint} is mounted as {Type}")]
    public static partial void Mounted(ILogger logger, string mountPoint, string type);

    [LoggerMessage(12, LogLevel.Warning, "{MountPoint} held {Count} dead mounts of an earlier {Type}: detached")]
    public static partial void CorpsesDetached(ILogger logger, string mountPoint, int count, string type);

    [LoggerMessage(13, LogLevel.Warning, "fusermount3 does not allow other users in (user_allow_other is not set in /etc/fuse.conf): only user {Uid} may enter {MountPoint}")]
    public static partial void OthersNotAllowed(ILogger logger, uint uid, string mountPoint);

    [LoggerMessage(14, LogLevel.Debug, "{Path} stays as it is ({Reason}): one mmap fault reads 128 KiB")]
    public static partial void ReadAheadNotSet(ILogger logger, string path, string reason);

    [LoggerMessage(15, LogLevel.Information, "{MountPoint} was unmounted while files on it are open; their readers get ENOTCONN")]
    public static partial void ConnectionAborted(ILogger logger, string mountPoint);

    [LoggerMessage(16, LogLevel.Warning, "{MountPoint} is detached, but somebody still holds files open on it; the connection ends with this process")]
    public static partial void ConnectionLingers(ILogger logger, string mountPoint);

    [LoggerMessage(17, LogLevel.Warning, "{MountPoint} is unmounted, but {Count} handlers have not noticed that they are cancelled")]
    public static partial void HandlersLeft(ILogger logger, string mountPoint, int count);

    [LoggerMessage(18, LogLevel.Warning, "{MountPoint} could not be unmounted: {Reason}")]
    public static partial void NotUnmounted(ILogger logger, string mountPoint, string reason);
}
