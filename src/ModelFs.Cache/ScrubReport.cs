namespace ModelFs.Cache;

/// <summary>Where a verification stands, and one file that it is done with.</summary>
/// <param name="TotalBytes">Of all files that are verified, as they are on disk.</param>
/// <param name="Path">The file that has just been read whole; null in a mere progress report.</param>
/// <param name="DamagedBlocks">Blocks of it that did not match their checksums, or could not be read.</param>
/// <param name="Fault">What was wrong, in words; null when all was right.</param>
public sealed record ScrubReport(int Files, int TotalFiles, long Bytes, long TotalBytes, string? Path = null, int DamagedBlocks = 0, string? Fault = null);
