using System.Net.Http.Headers;
using System.Text;

namespace ModelFs.Registries.Mlflow;

/// <summary>
/// Who we are, as MLflow's own Python client reads it: user and password from the URI, else each from its variable or from
/// <c>~/.mlflow/credentials</c>, and only without them a token.
/// </summary>
/// <param name="Source">Where the credentials came from, for the log: names, never values.</param>
internal sealed record MlflowCredentials(AuthenticationHeaderValue? Authorization, string Source, IReadOnlyList<string> Secrets)
{
    private const string User = "MLFLOW_TRACKING_USERNAME";
    private const string Password = "MLFLOW_TRACKING_PASSWORD";
    private const string Token = "MLFLOW_TRACKING_TOKEN";

    /// <exception cref="RegistryConfigurationException">The credentials file exists and cannot be read.</exception>
    public static MlflowCredentials Read(Uri uri, Func<string, string?> environment)
    {
        if (uri.UserInfo.Length > 0)
        {
            var colon = uri.UserInfo.IndexOf(':', StringComparison.Ordinal);
            var user = Uri.UnescapeDataString(colon < 0 ? uri.UserInfo : uri.UserInfo[..colon]);
            var password = colon < 0 ? "" : Uri.UnescapeDataString(uri.UserInfo[(colon + 1)..]);
            return Basic(user, password, "the credentials are those in the registry's URI", uri.UserInfo);
        }

        var file = ReadFile(environment);
        var (name, nameFrom) = Either(environment, User, file);
        var (word, wordFrom) = Either(environment, Password, file);
        if (name is not null && word is not null)
            return Basic(name, word, $"the credentials are those of {nameFrom} and {wordFrom}");
        if (Set(environment(Token)) is { } token)
        {
            if (token.Any(char.IsControl))
                throw new RegistryConfigurationException($"{Token} holds a line break or another control character.");
            return new(new AuthenticationHeaderValue("Bearer", token), $"the credentials are those of {Token}", [token]);
        }

        var half = name is not null ? $"{nameFrom} is set without {Password}"
            : word is not null ? $"{wordFrom} is set without {User}"
            : $"no credentials are set: neither {User} and {Password}, nor {Token}, nor ~/.mlflow/credentials";
        return new(null, half, []);
    }

    public string Redact(string text)
    {
        foreach (var secret in Secrets) text = text.Replace(secret, "***", StringComparison.Ordinal);
        return text;
    }

    private static MlflowCredentials Basic(string user, string password, string source, params string[] spellings)
    {
        var encoded = Convert.ToBase64String(Encoding.UTF8.GetBytes($"{user}:{password}"));
        string[] secrets = [encoded, .. spellings, password, Uri.EscapeDataString(password)];
        return new(new AuthenticationHeaderValue("Basic", encoded), source, [.. secrets.Where(secret => secret.Length > 0)]);
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
