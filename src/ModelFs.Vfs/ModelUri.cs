using System.Diagnostics.CodeAnalysis;
using System.Text;
using ModelFs.Vfs.Names;

namespace ModelFs.Vfs;

/// <summary>MLflow's own way to name a model: <c>models:/name/3</c>, <c>models:/name@alias</c>, <c>models:/name/latest</c>, each with an optional path.</summary>
/// <param name="Model">The model's name as the registry has it.</param>
/// <param name="Reference">The version or alias as it is called in the model's directory: <c>3</c>, <c>champion</c>, <c>latest</c>, <c>@1</c>.</param>
/// <param name="Path">The path below the version, as the registry has it; empty for the version itself.</param>
public sealed record ModelUri(string Model, string Reference, string Path)
{
    public const string Scheme = "models:/";

    /// <summary>Where it is in the tree, below the registry's directory, escaped.</summary>
    public string TreePath =>
        string.Join('/', new[] { Model, Reference }.Concat(Path.Split('/', StringSplitOptions.RemoveEmptyEntries)).Select(EscapedName.EscapeToString));

    /// <param name="error">One line that says what is wrong, when the result is false.</param>
    public static bool TryParse(string text, [NotNullWhen(true)] out ModelUri? uri, [NotNullWhen(false)] out string? error)
    {
        uri = null;
        error = null;
        if (!text.StartsWith(Scheme, StringComparison.Ordinal))
            return Fail($"'{text}' does not begin with {Scheme}", out error);
        var rest = text[Scheme.Length..];
        if (rest.StartsWith('/'))
            return Fail($"'{text}' names a profile or host; write models:/name@alias and choose the registry by its directory", out error);

        var parts = rest.Split('/', StringSplitOptions.RemoveEmptyEntries);
        if (parts.Any(part => EscapedName.Escape(part) is null))
            return Fail($"'{text}' holds characters that are no text", out error);
        if (parts.Length == 0)
            return Fail($"'{text}' names no model", out error);

        // The first part that can be a reference ends the model's name, in which MLflow 2 allowed slashes.
        var end = Array.FindIndex(parts, part => part.Contains('@'));
        var number = Array.FindIndex(parts, 1, IsReference);
        if (number > 0 && (end < 0 || number < end))
        {
            uri = new ModelUri(ModelName(parts[..number]), parts[number].ToLowerInvariant(), string.Join('/', parts[(number + 1)..]));
            return true;
        }

        if (end >= 0)
        {
            var at = parts[end].LastIndexOf('@');
            if (at == 0 || at == parts[end].Length - 1)
                return Fail($"'{text}' must be models:/name@alias", out error);
            var name = ModelName([.. parts[..end], parts[end][..at]]);
            uri = new ModelUri(name, ModelChildName.OfAlias(parts[end][(at + 1)..]), string.Join('/', parts[(end + 1)..]));
            return true;
        }

        return parts.Length == 1
            ? Fail($"'{text}' names no version: models:/{parts[0]}/3, models:/{parts[0]}@alias or models:/{parts[0]}/latest", out error)
            : Fail($"'{parts[1]}' in '{text}' is no version; stages are not supported, an alias is written models:/{parts[0]}@{parts[1]}", out error);
    }

    private static bool IsReference(string part) =>
        ModelChildName.IsVersion(part) || part.Equals(ModelChildName.Latest, StringComparison.OrdinalIgnoreCase);

    /// <summary>A name that is written as <c>ls</c> shows it stands for what the registry calls so; any other stands for itself.</summary>
    private static string ModelName(ReadOnlySpan<string> parts)
    {
        var name = string.Join('/', parts);
        return EscapedName.TryUnescape(Encoding.UTF8.GetBytes(name), out var plain) == NameForm.Whole ? plain : name;
    }

    private static bool Fail(string message, out string error)
    {
        error = message;
        return false;
    }
}
