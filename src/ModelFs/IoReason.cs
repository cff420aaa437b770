namespace ModelFs;

/// <summary>Why a file or directory cannot be used, for a message that names it already.</summary>
internal static class IoReason
{
    /// <returns>The runtime's words without the path, which they mostly end with, and without a full stop.</returns>
    public static string Of(Exception e, string path) => e is FileNotFoundException or DirectoryNotFoundException
        ? "there is no such file"
        : e.Message.Replace($" : '{Path.GetFullPath(path)}'", "", StringComparison.Ordinal).Replace($" '{Path.GetFullPath(path)}'", "", StringComparison.Ordinal).TrimEnd('.');
}
