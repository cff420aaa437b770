using Microsoft.Extensions.Logging;

namespace ModelFs.Cache;

internal static partial class Log
{
    [LoggerMessage(1, LogLevel.Warning, "The index was put aside as {Aside}: {Reason}. Sealed objects are found again by their sidecars.")]
    public static partial void IndexPutAside(ILogger log, string aside, string reason);

    [LoggerMessage(2, LogLevel.Warning, "The index could not be checkpointed: {Reason}. It will be tried again.")]
    public static partial void CheckpointFailed(ILogger log, string reason);

    [LoggerMessage(3, LogLevel.Warning, "Blocks are not stored for now: {Fault}. Reads go on from the origin.")]
    public static partial void StoringStopped(ILogger log, string fault);

    [LoggerMessage(4, LogLevel.Information, "Blocks are stored again.")]
    public static partial void StoringResumed(ILogger log);

    [LoggerMessage(5, LogLevel.Warning, "Block {Block} of {Name} is not what was stored; it is fetched again.")]
    public static partial void BlockDamaged(ILogger log, int block, string name);

    [LoggerMessage(6, LogLevel.Error, "{Name} of {Owner} does not match its SHA-256 (expected {Expected}, is {Actual}). It is quarantined: reads get EIO until a restart.")]
    public static partial void Quarantined(ILogger log, string name, string owner, string expected, string actual);

    [LoggerMessage(7, LogLevel.Debug, "{Name} is sealed: {Bytes} bytes.")]
    public static partial void Sealed(ILogger log, string name, long bytes);

    [LoggerMessage(8, LogLevel.Warning, "{Name} could not be sealed: {Reason}.")]
    public static partial void SealFailed(ILogger log, string name, string reason);

    [LoggerMessage(9, LogLevel.Warning, "Fetching {Name} from block {Block} failed with errno {Errno}: {Reason}")]
    public static partial void FetchFailed(ILogger log, string name, int block, int errno, string reason);

    [LoggerMessage(10, LogLevel.Information, "Evicted {Count} objects, {Bytes} bytes.")]
    public static partial void Evicted(ILogger log, int count, long bytes);

    [LoggerMessage(11, LogLevel.Warning, "{Path} cannot be removed: {Reason}.")]
    public static partial void CannotRemove(ILogger log, string path, string reason);

    [LoggerMessage(12, LogLevel.Warning, "The object file of {Name} cannot be opened: {Reason}.")]
    public static partial void CannotOpen(ILogger log, string name, string reason);

    [LoggerMessage(13, LogLevel.Warning, "{Kind} metadata could not be stored: {Reason}.")]
    public static partial void MetadataNotStored(ILogger log, string kind, string reason);

    [LoggerMessage(14, LogLevel.Warning, "The table of ordinals could not be written: {Reason}. New ordinals are in memory for now.")]
    public static partial void OrdinalsNotStored(ILogger log, string reason);

    [LoggerMessage(15, LogLevel.Warning, "The table of ordinals is damaged at offset {Offset}; {Bytes} bytes are skipped.")]
    public static partial void OrdinalsDamaged(ILogger log, long offset, long bytes);

    [LoggerMessage(16, LogLevel.Critical, "The owner file of {Directory} names somebody else: {Owner}. Nothing is stored from now on.")]
    public static partial void OwnershipLost(ILogger log, string directory, string owner);

    [LoggerMessage(18, LogLevel.Warning, "{Path} is damaged: {Bytes} bytes are skipped. Objects whose names were there have none until they are opened again.")]
    public static partial void LabelsDamaged(ILogger log, string path, long bytes);

    [LoggerMessage(21, LogLevel.Warning, "{Path} cannot be read: {Reason}. Its objects have no names until they are opened again.")]
    public static partial void LabelsUnreadable(ILogger log, string path, string reason);

    [LoggerMessage(19, LogLevel.Warning, "Names of objects could not be written: {Reason}. They are in memory for now.")]
    public static partial void LabelsNotStored(ILogger log, string reason);

    [LoggerMessage(20, LogLevel.Warning, "{Path} is damaged: nothing is pinned any more but what the configuration pins.")]
    public static partial void PinsDamaged(ILogger log, string path);

    [LoggerMessage(22, LogLevel.Error, "There is no index, and none could be begun: {Reason}. What is not complete when this daemon ends is fetched again.")]
    public static partial void IndexUnusable(ILogger log, string reason);

    [LoggerMessage(23, LogLevel.Information, "A daemon was killed here: {Count} complete files, {Bytes} bytes, are read again in the background.")]
    public static partial void VerifyingAll(ILogger log, int count, long bytes);

    [LoggerMessage(24, LogLevel.Information, "What a killed daemon left complete has been read again: {Count} files, {Damaged} of them damaged.")]
    public static partial void VerifiedAll(ILogger log, int count, int damaged);

    [LoggerMessage(25, LogLevel.Warning, "{Name}: {Fault}; what is wrong is fetched again by its next reader.")]
    public static partial void FoundDamaged(ILogger log, string name, string fault);

    [LoggerMessage(26, LogLevel.Warning, "The disk of {Directory} has not answered: this stop does not wait for it. What {Count} files and the names got last is fetched again after the next start. The directory is free when the disk answers.")]
    public static partial void StoppedUnwritten(ILogger log, string directory, int count);

    [LoggerMessage(17, LogLevel.Error, "The cache met what it did not expect while {Doing}.")]
    public static partial void Unexpected(ILogger log, Exception exception, string doing);
}
