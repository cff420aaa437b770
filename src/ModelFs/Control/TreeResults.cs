using ModelFs.Vfs;

namespace ModelFs.Control;

internal static class TreeResults
{
    public static T OrThrow<T>(this TreeResult<T> result, string path) =>
        result is { IsOk: true, Value: { } value } ? value : throw new CommandException(result.Message ?? $"{path}: {result.Error}");
}
