using ModelFs.Registries.Http;

namespace ModelFs.Registries.Mlflow;

/// <summary>
/// Who we are, as MLflow's own Python client reads it: user and password from the URI, else each from its variable or from
/// <c>~/.mlflow/credentials</c>, and only without them a token.
/// </summary>
internal static class MlflowCredentials
{
    private const string User = "MLFLOW_TRACKING_USERNAME";
    private const string Password = "MLFLOW_TRACKING_PASSWORD";
    private const string Token = "MLFLOW_TRACKING_TOKEN";

    /// <exception cref="RegistryConfigurationException">The credentials file exists and cannot be read.</exception>
    public static Credentials Read(Uri uri, Func<string, string?> environment)
    {
        if (Credentials.Of(uri) is { } inUri) return inUri;
        var file = ReadFile(environment);
        var (name, nameFrom) = Either(environment, User, file);
        var (word, wordFrom) = Either(environment, Password, file);
        if (name is not null && word is not null)
            return Credentials.Basic(name, word, $"the credentials are those of {nameFrom} and {wordFrom}");
        if (Set(environment(Token)) is { } token) return Credentials.Bearer(token, Token);

        var half = name is not null ? $"{nameFrom} is set without {Password}"
            : word is not null ? $"{wordFrom} is set without {User}"
            : $"no credentials are set: neither {User} and {Password}, nor {Token}, nor ~/.mlflow/credentials";
        return Credentials.None(half);
    }

    private static (string? Value, string From) Either(
        Func<string, string?> environment, string variable, IReadOnlyDictionary<string, string> file)
    {
        if (Set(environment(variable)) is { } value) return (value, variable);
        var key = variable.ToLowerInvariant();
        return file.TryGetValue(key, out var line) && line.Length > 0 ? (line, $"{key} in ~/.mlflow/credentials") : (null, variable);
    }

    /// <summary>The <c>[mlflow]</c> section of the INI file, its keys in lower case.</summary>
    private static Dictionary<string, string> ReadFile(Func<string, string?> environment)
    {
        var values = new Dictionary<string, string>(StringComparer.Ordinal);
        if (Set(environment("HOME")) is not { } home) return values;
        var path = Path.Combine(home, ".mlflow", "credentials");
        if (!File.Exists(path)) return values;
        string[] lines;
        try
        {
            lines = File.ReadAllLines(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new RegistryConfigurationException($"~/.mlflow/credentials exists and cannot be read: {e.Message}");
        }

        var section = "";
        foreach (var line in lines.Select(line => line.Trim()))
        {
            if (line.Length == 0 || line[0] is '#' or ';') continue;
            if (line[0] == '[' && line[^1] == ']')
            {
                section = line[1..^1];
                continue;
            }

            var separator = line.AsSpan().IndexOfAny('=', ':');
            if (section == "mlflow" && separator > 0)
                values[line[..separator].TrimEnd().ToLowerInvariant()] = line[(separator + 1)..].TrimStart();
        }

        return values;
    }

    private static string? Set(string? value) => string.IsNullOrEmpty(value) ? null : value;
}
