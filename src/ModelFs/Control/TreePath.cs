using ModelFs.Registries;
using ModelFs.Vfs;

namespace ModelFs.Control;

/// <summary>What a person may write for a path of the tree: the path, or <c>models:/iris@champion/MLmodel</c>, which names no registry.</summary>
internal static class TreePath
{
    /// <exception cref="CommandException">It is no such URI, or no one registry can be meant.</exception>
    public static string Of(string text, IReadOnlyList<RegistryOptions> registries)
    {
        if (!text.StartsWith(ModelUri.Scheme, StringComparison.Ordinal))
            return text;
        if (!ModelUri.TryParse(text, out var uri, out var error))
            throw new CommandException(error);
        var mlflow = registries.Where(r => r.Kind == "mlflow").Select(r => r.Name).ToList();
        return mlflow.Count switch
        {
            1 => $"{mlflow[0]}/{uri.TreePath}",
            0 => throw new CommandException($"'{text}' needs a registry of kind mlflow, and none is configured"),
            _ => throw new CommandException($"'{text}' may mean {string.Join(" or ", mlflow.Select(r => $"{r}/{uri.TreePath}"))}; write which"),
        };
    }
}
