using ModelFs.Registries;

namespace ModelFs.Control;

/// <summary>MLflow's own way to name a model: <c>models:/iris@champion</c>, <c>models:/iris/3</c>, each with a path behind it if wanted.</summary>
internal static class ModelUri
{
    private const string Scheme = "models:/";

    /// <summary>Turns such a URI into a path of the tree; any other path is returned as it is.</summary>
    /// <exception cref="CommandException">It is no such URI, or no one registry can be meant.</exception>
    public static string ToPath(string path, IReadOnlyList<RegistryOptions> registries)
    {
        if (!path.StartsWith(Scheme, StringComparison.Ordinal))
            return path;
        var parts = path[Scheme.Length..].TrimStart('/').Split('/', StringSplitOptions.RemoveEmptyEntries).ToList();
        if (parts.Count == 0)
            throw new CommandException($"'{path}' names no model; write models:/iris@champion or models:/iris/3");
        var at = parts[0].LastIndexOf('@');
        if (at >= 0)
        {
            if (at == 0 || at == parts[0].Length - 1)
                throw new CommandException($"'{path}' is not models:/MODEL@ALIAS");
            var alias = parts[0][(at + 1)..];
            // A plain number is always a version in the tree, so an alias made of digits is listed with its sign.
            parts.Insert(1, alias.All(char.IsAsciiDigit) ? "@" + alias : alias);
            parts[0] = parts[0][..at];
        }

        return string.Join('/', [Registry(path, registries), TreeName(parts[0]), .. parts.Skip(1)]);
    }

    /// <summary>The name as the tree escapes it. MLflow does not decode these URIs, so <c>%2F</c> in one means just that.</summary>
    private static string TreeName(string model) => model is "." or ".." ? model.Replace(".", "%2E", StringComparison.Ordinal) : model.Replace("%", "%25", StringComparison.Ordinal);

    private static string Registry(string path, IReadOnlyList<RegistryOptions> registries)
    {
        var mlflow = registries.Where(r => r.Kind == "mlflow").ToList();
        return mlflow.Count switch
        {
            1 => mlflow[0].Name,
            0 => throw new CommandException($"'{path}' needs a registry of kind mlflow, and none is configured"),
            _ => throw new CommandException($"'{path}' may mean {string.Join(" or ", mlflow.Select(r => r.Name))}; write {mlflow[0].Name}/… instead"),
        };
    }
}
